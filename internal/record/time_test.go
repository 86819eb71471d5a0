package record_test

import (
	"encoding/json"
	"testing"
	"time"

	"keepsake/internal/record"
)

func TestTime(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 30, 0, 610_000_000, time.UTC)
	for value, want := range map[string]time.Time{
		`1777638600610`:                   at,
		`1777638600610.0`:                 at,
		`"2026-05-01T12:30:00.610Z"`:      at,
		`"2026-05-01T14:30:00.61+02:00"`:  at,
		`"2026-05-01T12:30:00.61"`:        at,
		`"2026-05-01 12:30:00.61"`:        at,
		`"2026\u002d05-01"`:               at.Truncate(24 * time.Hour),
		`"yesterday"`:                     {},
		`"2461000.5"`:                     {},
		`0`:                               {},
		`-7`:                              {},
		`1e15`:                            {}, // the year 33658
		`1e300`:                           {},
		`true`:                            {},
		`null`:                            {},
		`{}`:                              {},
		`""`:                              {},
		``:                                {},
		`"0000-01-01"`:                    {},
		`"9999-12-31T23:59:59.999-05:00"`: {}, // in UTC the year 10000
	} {
		got := record.Time([]byte(value))
		if !got.Equal(want) {
			t.Errorf("%s: got %v, want %v", value, got, want)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("%s: a plan could not hold %v: %v", value, got, err)
		}
	}
}
