package secretcmd

import (
	"context"
	"errors"
	"fmt"
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
}

func (s *stored) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.database, "database", "", "URL of the database, or the environment variable that has it")
	cmd.Flags().StringSliceVar(&s.columns, "column", nil, "encrypted and index columns to count, such as users.phone,users.mail_index")
}

// counted reports whether the values were looked for.
func (s *stored) counted() bool { return len(s.columns) > 0 }

// statuses counts, where there is a database to count in.
func (s *stored) statuses(ctx context.Context, set keyring.Set, now time.Time) ([]keyring.Status, error) {
	if (s.database == "") != (len(s.columns) == 0) {
		return nil, errors.New("give both of --database and --column, or neither")
	}
	if !s.counted() {
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
	counters := make([]keyring.Counter, len(s.columns))
	for i, column := range s.columns {
		dot := strings.LastIndexByte(column, '.')
		if dot < 0 {
			return nil, errors.Join(fmt.Errorf("--column %q is not TABLE.COLUMN", column), d.Close())
		}
		counters[i] = counter{d, column[:dot], column[dot+1:]}
	}
	statuses, err := keyring.Statuses(ctx, set, now, counters...)
	return statuses, errors.Join(err, d.Close())
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

// counter counts the values of a column.
type counter struct {
	db            *db.DB
	table, column string
}

// CountKeys implements [keyring.Counter].
func (c counter) CountKeys(ctx context.Context) (map[string]int64, error) {
	return reencrypt.Count(ctx, c.db, c.table, c.column)
}

func statusCommand(p *place, now func() time.Time) *cobra.Command {
	var s stored
	cmd := &cobra.Command{
		Use:   "status",
		Short: "List the keys, what each does, and how much data is under it",
		Long: `status lists the keys, never their material. With --database and --column it
counts how many stored values are under each; this reads the whole columns.

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
						id = "(not encrypted)"
					}
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", purpose, id, since, st.Role, s.values(st))
			}
			return w.Flush()
		},
	}
	s.flags(cmd)
	return cmd
}

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
