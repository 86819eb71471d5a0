package record

import (
	"math"
	"strconv"
	"time"
)

// TimeKeys are the keys under which Neo.mjs dates what it writes, the best first:
// memories and summaries have a timestamp.
func TimeKeys() [3]string { return [...]string{"timestamp", "updatedAt", "createdAt"} }

// Time reads a JSON value as a time, which it returns in UTC: milliseconds since
// 1970, or ISO 8601 as JavaScript writes it, also with a space for the T, a date
// alone, or no zone, which is UTC then. It returns the zero time for all else, and
// for what no calendar of four digits holds: that could not be written down again.
// value must be valid.
func Time(value []byte) time.Time {
	if len(value) == 0 {
		return time.Time{}
	}
	at := timeOf(value).UTC()
	if at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}
	}
	return at
}

func timeOf(value []byte) time.Time {
	if value[0] != '"' {
		ms, err := strconv.ParseFloat(string(value), 64)
		if err != nil || ms <= 0 || ms > math.MaxInt64/2 {
			return time.Time{}
		}
		return time.UnixMilli(int64(ms))
	}
	var scratch [40]byte
	text, err := AppendUnquoted(scratch[:0], value)
	if err != nil {
		return time.Time{}
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, string(text)); err == nil {
			return at
		}
	}
	return time.Time{}
}
