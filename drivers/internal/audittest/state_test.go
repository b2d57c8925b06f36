package audittest

import (
	"testing"

	"github.com/galeweb/gale/auth/audit"
	"github.com/galeweb/gale/db"
	"github.com/galeweb/gale/drivers/galepgx"
	"github.com/galeweb/gale/drivers/galesqlite"
	"github.com/galeweb/gale/galetest"
	"github.com/galeweb/gale/internal/assert"
)

// TestChangedState is whoever may only do what the application's account may: no
// trigger is dropped.
func TestChangedState(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*kit){"Erased": tryErased, "Stopped": tryStopped} {
		for _, driver := range []db.Driver{galesqlite.Driver(), galepgx.Driver()} {
			t.Run(name+"/"+driver.Schemes()[0], func(t *testing.T) {
				t.Parallel()
				test(newKit(t, galetest.DB(t, galetest.DBOptions{Driver: driver})))
			})
		}
	}
}

// tryErased removes all records as if by retention, with a hash that the next
// one is hoped to follow: the log itself must not sign that.
func tryErased(k *kit) {
	for _, hash := range []string{"", "x"} {
		k.fill(2)
		early := k.head()
		k.fill(2)
		last := early.Seq + 2
		k.raw(`UPDATE audit_state SET cut_seq = $1, cut_hash = $2`, last, hash)
		k.raw(`DELETE FROM audit_log WHERE seq <= $1`, last)
		k.append(audit.Record{Action: "a", Outcome: audit.OK})
		k.broken(k.log.Verify(k.Context(), 0, 0), 1, "all erased, cut_hash "+hash)
		k.broken(k.log.VerifyHead(k.Context(), early), 1, "all erased, by the head, cut_hash "+hash)
		k.raw(`UPDATE audit_state SET cut_seq = 9999`)
		k.raw(`DELETE FROM audit_log`)
		k.raw(`UPDATE audit_state SET seq = 0, hash = '', cut_seq = 0, cut_hash = '', mac = ''`)
	}
}

// tryStopped sets the number of the last record so that the next has no place.
func tryStopped(k *kit) {
	k.fill(3)
	next := int64(4)
	for _, seq := range []int64{0, 1, -5, 1 << 40, 1<<63 - 1} {
		k.raw(`UPDATE audit_state SET seq = $1`, seq)
		e, err := k.log.Append(k.Context(), audit.Record{Action: "a", Outcome: audit.Refused})
		assert.NoError(k, err)
		assert.Equal(k, e.Seq, next)
		k.broken(k.log.Verify(k.Context(), 0, 0), 4, "changed number")
		next++
	}
}
