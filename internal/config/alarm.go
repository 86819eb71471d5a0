package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Alarm is what a backup takes for too great a loss.
type Alarm struct {
	// Lost is how much of what there was may be gone, in thousandths.
	Lost Value[int64]
}

// half is the default, and the most: nobody is to be told less than of a half.
const half = 500

// alarm reads alarm.lost.
func (l *loader) alarm() error {
	l.cfg.Alarm.Lost = Value[int64]{half, Source{Kind: FromDefault}}
	text, ok := l.key(l.file.Alarm.Lost)
	if !ok {
		return nil
	}
	share, err := parseShare(text.V)
	if err != nil {
		return &Error{Source: text.Source, Err: err}
	}
	l.cfg.Alarm.Lost = Value[int64]{share, text.Source}
	return nil
}

// parseShare reads a percentage, with one digit after the point at the most, as
// thousandths: 5%, 0.5%. None would be an alarm at every change, and more than a half
// is no alarm.
func parseShare(text string) (int64, error) {
	digits, isPercent := strings.CutSuffix(text, "%")
	whole, tenth, _ := strings.Cut(digits, ".")
	n, err := strconv.ParseUint(whole+(tenth + "0")[:1], 10, 16)
	exact := strings.Trim(digits, "0123456789.") == "" && len(tenth) <= 1 && whole != "" && !strings.HasSuffix(digits, ".")
	if !isPercent || !exact || err != nil || n < 1 || n > half {
		return 0, fmt.Errorf("%.40q is no share from 0.1%% to 50%%, like 5%%", text)
	}
	return int64(n), nil
}

// shareText prints thousandths as parseShare reads them.
func shareText(n int64) string {
	if n%10 == 0 {
		return strconv.FormatInt(n/10, 10) + "%"
	}
	return fmt.Sprintf("%d.%d%%", n/10, n%10)
}
