package backup_test

import (
	"fmt"
	"testing"

	"keepsake/internal/backup"
	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// TestTrue_09_OthersInTheirPlace: what is gone is counted by records, and as many others
// make up for nothing. 40 rows were there, in the same collection.
func TestTrue_09_OthersInTheirPlace(t *testing.T) {
	for _, tt := range []struct {
		name     string
		from, to int
		alarm    backup.Alarm
		suspect  string
	}{
		{"All", 40, 80, 0, "has lost 40 of the 40 rows that it had, and has others"},
		{"MoreThanHalf", 21, 61, 0, "has lost 21 of the 40 rows that it had, and has others"},
		{"Half", 20, 60, 0, ""},
		{"FivePercent", 3, 43, 50, "has lost 3 of the 40 rows that it had, and has others"},
		{"ExactlyFivePercent", 2, 42, 50, ""},
		{"Grown", 0, 100, 50, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAgent(t)
			a.opts.Alarm = tt.alarm
			first := a.next()
			a.rebuild(tt.from, tt.to)
			a.opts.Sources[0].Store = sameID{a.collections(), a.idOf(first)}
			for range 2 { // the comparison stays with the good one
				a.judged(a.next(), tt.suspect)
			}
		})
	}
}

// TestTrue_09_LinesOfAFile: a line has no key. A few that came for others may be the
// same, changed; many are not.
func TestTrue_09_LinesOfAFile(t *testing.T) {
	for _, tt := range []struct {
		name       string
		had, other int
		want       bundle.Status
	}{
		{"OneThatChanged", 1, 1, bundle.Complete},
		{"AFewThatChanged", 20, 20, bundle.Complete},
		{"AllOthers", 100, 100, bundle.Degraded},
		{"MoreThanHalf", 100, 51, bundle.Degraded},
		{"Half", 100, 50, bundle.Complete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := func(from int) kept {
				k := log("notes/log")
				k.records = nil
				for i := range tt.had {
					k.records = append(k.records, fmt.Sprintf(`{"n":%d}`, from+i))
				}
				k.held, k.spec.Rows = int64(tt.had), int64(tt.had)
				return k
			}
			a := newAgent(t)
			s := a.withShelf("notes", "", lines(0))
			a.again("")
			s.kept["notes/log"] = lines(tt.other)
			if r := a.again(""); r.Status != tt.want {
				t.Errorf("got %s, %v, want %s", r.Status, r.Findings, tt.want)
			}
		})
	}
}

// TestTrue_09_OtherVectors: the rows are there, and mean something else.
func TestTrue_09_OtherVectors(t *testing.T) {
	rows := func(n int, moved int, by float64) kept {
		k := collection("agents/a")
		k.records = nil
		for i := range n {
			x := float64(i + 1)
			if i < moved {
				x += by
			}
			k.records = append(k.records, fmt.Sprintf(`{"id":"r%02d","embedding":[%g],"metadata":null,"document":null}`, i, x))
		}
		k.held, k.spec.Rows, k.spec.Distance = int64(n), int64(n), "cosine"
		return k
	}
	for _, tt := range []struct {
		name  string
		moved int
		by    float64
		want  bundle.Status
	}{
		{"MoreThanHalf", 21, 1, bundle.Degraded},
		{"Half", 20, 1, bundle.Complete},
		{"AsAServerRounds", 40, 1e-7, bundle.Complete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAgent(t)
			s := a.withShelf("agents", memory.Vectors, rows(40, 0, 0))
			a.again("")
			s.kept["agents/a"] = rows(40, tt.moved, tt.by)
			if r := a.again(""); r.Status != tt.want {
				t.Errorf("got %s, %v, want %s", r.Status, r.Findings, tt.want)
			}
		})
	}
}
