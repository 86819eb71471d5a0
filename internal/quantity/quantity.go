// Package quantity says numbers, bytes and times in the few words that a line of a
// message or a table has room for.
package quantity

import (
	"fmt"
	"strconv"
	"time"
)

// Count prints 12345 as "12,345".
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Size prints bytes in powers of 1,000, as disks and networks do.
func Size(bytes int64) string {
	const unit = 1000
	if bytes < unit {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	value, prefix := float64(bytes)/unit, 0
	for value >= 999.95 && prefix < 4 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTP"[prefix])
}

// Age prints a duration by its largest unit: "3 h", "12 days".
func Age(d time.Duration) string {
	switch {
	case d < 0:
		return "future"
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + " d"
}

// Plural prints "1 row", "12,345 rows".
func Plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// Short prints 61,234 as "61k": three digits at the most, for narrow columns.
func Short(n int64) string {
	value, suffix := float64(n), ""
	for _, next := range []string{"k", "M", "G"} {
		if value < 999.5 {
			break
		}
		value, suffix = value/1000, next
	}
	if suffix == "" || value >= 9.95 {
		return strconv.FormatFloat(value, 'f', 0, 64) + suffix
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + suffix
}
