package secretcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/keyring"
	"github.com/galeweb/gale/keyring/reencrypt"
)

// stored says where encrypted values and indexes are.
type stored struct {
	database string
	columns  []string

	found []column // what statuses has counted
}

// column has how many of its values are under each key.
type column struct {
	name string
	keys map[string]int64
}

// CountKeys implements [keyring.Counter].
func (c column) CountKeys(context.Context) (map[string]int64, error) { return c.keys, nil }

func (s *stored) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.database, "database", "", "URL of the database, or the environment variable that has it")
	cmd.Flags().StringSliceVar(&s.columns, "column", nil, "encrypted and index columns to count, such as users.phone,users.mail_index\n(default those that the database's table keyring_columns names)")
}

// counted reports whether the values were looked for.
func (s *stored) counted() bool { return s.database != "" }

// statuses counts, where there is a database to count in.
func (s *stored) statuses(ctx context.Context, set keyring.Set, now time.Time) ([]keyring.Status, error) {
	if !s.counted() {
		if len(s.columns) > 0 {
			return nil, errors.New("--column needs --database")
		}
		return keyring.Statuses(ctx, set, now)
	}
	address := s.database
	if !strings.Contains(address, ":") {
		if address = os.Getenv(s.database); address == "" {
			return nil, fmt.Errorf("--database %s is no URL, and no environment variable that is set", s.database)
		}
	}
	if err := exists(address); err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, address, db.Options{Drivers: []db.Driver{galesqlite.Driver(), galepgx.Driver()}, SlowQuery: -1})
	if err != nil {
		return nil, err
	}
	statuses, err := s.count(ctx, d, set, now)
	return statuses, errors.Join(err, d.Close())
}

// count counts the values of each column.
func (s *stored) count(ctx context.Context, d *db.DB, set keyring.Set, now time.Time) ([]keyring.Status, error) {
	names := s.columns
	if len(names) == 0 {
		var err error
		if names, err = reencrypt.Columns(ctx, d); err != nil {
			return nil, fmt.Errorf("%w; or name the columns by --column", err)
		}
	}
	var counters []keyring.Counter
	for _, name := range names {
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			return nil, fmt.Errorf("column %q is not TABLE.COLUMN", name)
		}
		keys, err := reencrypt.Count(ctx, d, name[:dot], name[dot+1:])
		if err != nil {
			return nil, err
		}
		s.found = append(s.found, column{name, keys})
		counters = append(counters, column{name, keys})
	}
	return keyring.Statuses(ctx, set, now, counters...)
}

// places lists the columns that have values under the key, for a sentence.
func (s *stored) places(id string) string {
	var out []string
	for _, c := range s.found {
		if n := c.keys[id]; n > 0 {
			out = append(out, fmt.Sprintf("%s %d", c.name, n))
		}
	}
	return strings.Join(out, ", ")
}

// exists keeps a mistyped path from becoming an empty database, in which
// nothing is under any key.
func exists(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "sqlite" {
		return nil // for db.Open to judge
	}
	path := u.Path
	if u.Opaque != "" {
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return nil
		}
	}
	_, err = os.Stat(path)
	return err
}

func statusCommand(p *place, now func() time.Time) *cobra.Command {
	var s stored
	cmd := &cobra.Command{
		Use:   "status",
		Short: "List the keys, what each does, and how much data is under it",
		Long: `status lists the keys, never their material. With --database it counts how many
stored values are under each, in all and by column; this reads whole columns.

What signed values are under which key nobody counts: they are with the clients.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := p.load(cmd.Context())
			if err != nil {
				return err
			}
			statuses, err := s.statuses(cmd.Context(), set, now())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "PURPOSE\tID\tSINCE\tROLE\tVALUES")
			for _, st := range statuses {
				purpose, id, since := string(st.Purpose), st.ID, show(st.Since)
				if st.Role == keyring.Missing {
					purpose, since = "?", "-"
					if id == "" {
						id = notEncrypted
					}
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", purpose, id, since, st.Role, s.values(st))
			}
			s.showColumns(w, statuses)
			return w.Flush()
		},
	}
	s.flags(cmd)
	return cmd
}

// showColumns is a second table: what is under which key, by column.
func (s *stored) showColumns(w io.Writer, statuses []keyring.Status) {
	if !s.counted() {
		return
	}
	fmt.Fprintln(w, "\nCOLUMN\tID\tROLE\tVALUES")
	for _, c := range s.found {
		none := true
		for _, st := range statuses {
			if n := c.keys[st.ID]; n > 0 {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", c.name, cmp.Or(st.ID, notEncrypted), st.Role, n)
				none = false
			}
		}
		if none {
			fmt.Fprintf(w, "%s\t-\t-\t0\n", c.name)
		}
	}
}

// notEncrypted stands for the key of values that no key made.
const notEncrypted = "(not encrypted)"

// values is the last column: "-" where there is nothing to count.
func (s *stored) values(st keyring.Status) string {
	switch {
	case st.Purpose == keyring.Signing || st.Purpose == keyring.Tokens:
		return "-"
	case !s.counted():
		return "?"
	default:
		return strconv.FormatInt(st.Values, 10)
	}
}
