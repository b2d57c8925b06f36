package secretcmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/galeweb/gale/keyring"
)

// retirement is what the verb retire was asked for.
type retirement struct {
	stored
	keep   time.Duration
	force  bool
	remove bool
	now    time.Time
}

func retireCommand(p *place, now func() time.Time) *cobra.Command {
	var r retirement
	cmd := &cobra.Command{
		Use:   "retire [ID …]",
		Short: "Take old keys out of use, once nothing needs them",
		Long: `retire takes the keys with the IDs out of use, or all that nothing needs any
more. It refuses a key

  - that makes new values, or will;
  - for sign and token, when it did less than --keep ago: what it signed may
    still be with clients, who would be logged out, or whose browsers would not
    be known any more to the throttle of sign-ins, for 180 days (auth.Devices);
  - for encrypt and index, when the database has values under it, in any of the
    columns that it declares or that --column names, or is not given.

--force retires keys with IDs all the same, such as a stolen one. A retired key
stays in the file, so that it can be brought back by writing active in place of
retired. --delete removes keys that were retired before, for good.`,
		Example: `  gale secret retire --file keys
  gale secret retire --file keys --database DATABASE_URL
  gale secret retire --file keys --force 3f2a9c01
  gale secret retire --file keys --delete`,
		RunE: func(cmd *cobra.Command, ids []string) error {
			r.now = now()
			if r.force && len(ids) == 0 {
				return errors.New("--force needs the IDs of the keys")
			}
			return p.change(cmd, func(set keyring.Set, say io.Writer) (keyring.Set, error) {
				statuses, err := r.statuses(cmd.Context(), set, r.now)
				if err != nil {
					return set, err
				}
				for _, id := range ids {
					if _, ok := set.Find(id); !ok {
						return set, fmt.Errorf("there is no key %q", id)
					}
				}
				return r.retire(set, statuses, ids, say)
			})
		},
	}
	r.flags(cmd)
	cmd.Flags().DurationVar(&r.keep, "keep", 181*24*time.Hour, "how long signed values live at most")
	cmd.Flags().BoolVar(&r.force, "force", false, "retire the keys with the IDs though something may need them")
	cmd.Flags().BoolVar(&r.remove, "delete", false, "remove retired keys, instead of retiring some")
	return cmd
}

func (r *retirement) retire(set keyring.Set, statuses []keyring.Status, ids []string, say io.Writer) (keyring.Set, error) {
	did := 0
	for _, st := range statuses {
		if st.Role == keyring.Missing || len(ids) > 0 && !slices.Contains(ids, st.ID) {
			continue
		}
		why, absolute := r.refuses(set, st)
		switch {
		case why != "" && len(ids) > 0 && (absolute || !r.force):
			return set, fmt.Errorf("%v %s", st.Key, why)
		case why != "" && len(ids) == 0:
			if st.Role == keyring.Verifies {
				fmt.Fprintf(say, "Kept %v: it %s.\n", st.Key, why)
			}
			continue
		}
		var err error
		if r.remove {
			set, err = set.Remove(st.ID)
			fmt.Fprintf(say, "Deleted %v.\n", st.Key)
		} else {
			set, err = set.Mark(st.ID, keyring.Retired)
			fmt.Fprintf(say, "Retired %v.\n", st.Key)
		}
		if err != nil {
			return set, err
		}
		did++
	}
	if did == 0 {
		fmt.Fprintln(say, "Nothing was changed.")
	}
	return set, nil
}

// refuses returns why the key stays, or "". Not even force overrides what is
// absolute.
func (r *retirement) refuses(set keyring.Set, st keyring.Status) (why string, absolute bool) {
	switch {
	case r.remove && st.Role != keyring.Unused:
		return "is not retired; retire it first", true
	case !r.remove && st.Role == keyring.Unused:
		return "is retired already", true
	case st.Role == keyring.Signs:
		return "makes new values; rotate first, and wait until the new key does", true
	case st.Role == keyring.Next:
		return "will make new values", false
	case st.Purpose == keyring.Encryption || st.Purpose == keyring.Indexing:
		if !r.counted() {
			return "may have values under it; give --database, or its ID and --force", false
		}
		if st.Values > 0 {
			hashes := ""
			if st.Purpose == keyring.Indexing {
				hashes = " (but for what is only a hash, such as recovery codes, which end when users make new ones)"
			}
			return fmt.Sprintf("has %d values under it (%s); let the application move them%s, or give its ID and --force and lose them", st.Values, r.places(st.ID), hashes), false
		}
		return "", false
	default:
		return r.tooRecent(set, st)
	}
}

// tooRecent looks when the key's successor began.
func (r *retirement) tooRecent(set keyring.Set, st keyring.Status) (why string, absolute bool) {
	if r.remove {
		return "", false // the age was looked at when it was retired
	}
	until := r.now
	for _, k := range set.Keys() {
		if k.Purpose == st.Purpose && k.State == keyring.Active && k.ID != st.ID && !k.Since.Before(st.Since) && k.Since.Before(until) {
			until = k.Since
		}
	}
	if left := r.keep - r.now.Sub(until); left > 0 {
		return "made values until " + show(until) + ", which may be with clients; wait until " + show(until.Add(r.keep)) + ", or give its ID and --force", false
	}
	return "", false
}
