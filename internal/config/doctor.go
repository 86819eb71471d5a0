package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Doctor is what doctor judges by.
type Doctor struct {
	// MaxAge is how old the newest good bundle of a subsystem may be.
	MaxAge Value[time.Duration]
	// Accept are checks that the operator knows of and lives with.
	Accept Value[[]string]
}

// defaultMaxAge is a day, and two hours for a run that takes long.
const defaultMaxAge = 26 * time.Hour

// doctor reads what doctor judges by. The name of max-age that people first asked for
// is known too.
func (l *loader) doctor() error {
	if err := l.acceptedChecks(); err != nil {
		return err
	}
	l.cfg.Doctor.MaxAge = Value[time.Duration]{defaultMaxAge, Source{Kind: FromDefault}}
	key := l.file.Doctor.MaxAge
	if other := l.file.Doctor.OtherMaxAge; other.given() {
		if key.given() {
			return &Error{Source: l.file.source(other), Err: errors.New("doctor.max-age is given twice")}
		}
		key = other
	}
	text, ok := l.key(key)
	if !ok {
		return nil
	}
	age, err := parseAge(text.V)
	if err != nil {
		return &Error{Source: text.Source, Err: err}
	}
	l.cfg.Doctor.MaxAge = Value[time.Duration]{age, text.Source}
	return nil
}

// parseAge reads a duration of Go, or a whole number of days: 26h, 90m, 2d.
func parseAge(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	age, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		age = time.Duration(min(n, maxDays+1)) * day
	}
	if err != nil || age <= 0 || age > maxDays*day {
		return 0, fmt.Errorf("%.40q is no age like 26h or 2d", text)
	}
	return age, nil
}

// ageText prints a duration as parseAge reads it: "26h", "1h30m".
func ageText(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}
