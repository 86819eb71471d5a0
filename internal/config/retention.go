package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Flags of retention, as keys of Options.Flags.
const (
	FlagKeep        = "keep"
	FlagDays        = "days"
	FlagKeepDaily   = "keep-daily"
	FlagKeepWeekly  = "keep-weekly"
	FlagKeepMonthly = "keep-monthly"
	FlagMaxBytes    = "max-bytes"
	FlagGoneDays    = "gone-days"
)

// Retention is what was asked for of the policy that removes bundles. A number in
// it that could not be read doesn't keep a backup from being made, so Load takes
// it: CheckRetention refuses it, before anything is removed.
type Retention struct {
	Keep, Days                         Limit
	KeepDaily, KeepWeekly, KeepMonthly Limit
	MaxBytes                           Limit // 0 is no limit
	SafetyDays                         Limit // 0 keeps safety bundles for good
	GoneDays                           Limit // 0 keeps what is gone for good
}

// Limit is a number of the retention policy.
type Limit struct {
	V      int64
	Source Source
	text   string
	err    error // why text is no number
}

// String returns the number as it was given, and whether it can't be used; "" when
// nobody gave one and there is none.
func (l Limit) String() string {
	if l.err != nil {
		return l.text + " (refused)"
	}
	return l.text
}

// ErrNothingKept is returned for a retention that would keep no bundle.
var ErrNothingKept = errors.New("retention would keep nothing")

// CheckRetention refuses a number that could not be read, and a K or a number of
// days below one, with an *Error. Nothing may be removed then.
func (c *Config) CheckRetention() error {
	r := &c.Retention
	for _, l := range []Limit{r.Keep, r.Days, r.KeepDaily, r.KeepWeekly, r.KeepMonthly, r.MaxBytes, r.SafetyDays, r.GoneDays} {
		if l.err != nil {
			return &Error{Source: l.Source, Err: l.err, Hint: c.hint.Of("retention")}
		}
	}
	for _, l := range []Limit{r.Keep, r.Days} {
		if l.V < 1 {
			return &Error{Source: l.Source, Err: fmt.Errorf("%w: want at least 1, have %d", ErrNothingKept, l.V), Hint: c.hint.Of("retention")}
		}
	}
	return nil
}

// rule says where a Limit comes from.
type rule struct {
	to    *Limit
	name  string // of the key, of the flag, and in the preset
	env   string // "" without
	file  scalar
	parse func(string) (int64, error)
}

// maxDays is a hundred years: beyond it ages no longer fit where they are compared.
const maxDays = 36500

func (l *loader) rules() []rule {
	r, f := &l.cfg.Retention, &l.file.Retention
	days, bundles := wholeUpTo(maxDays), wholeUpTo(1_000_000)
	return []rule{
		{&r.Keep, FlagKeep, retainK, f.Keep, bundles},
		{&r.Days, FlagDays, retainDays, f.Days, days},
		{&r.KeepDaily, FlagKeepDaily, "", f.KeepDaily, bundles},
		{&r.KeepWeekly, FlagKeepWeekly, "", f.KeepWeekly, bundles},
		{&r.KeepMonthly, FlagKeepMonthly, "", f.KeepMonthly, bundles},
		{&r.MaxBytes, FlagMaxBytes, "", f.MaxBytes, parseSize},
		{&r.SafetyDays, "safety-days", "", f.SafetyDays, days},
		{&r.GoneDays, FlagGoneDays, "", f.GoneDays, days},
	}
}

// retention reads what retention is told. What can't be read is kept as such, and
// falls back to nothing: a default in its place has deleted bundles.
func (l *loader) retention() error {
	for _, r := range l.rules() {
		preset := l.preset.Retention[r.name]
		*r.to = Limit{V: preset, Source: l.fromPreset()}
		if preset > 0 {
			r.to.text = strconv.FormatInt(preset, 10)
		}
		text, ok := l.flag(r.name)
		if !ok && r.env != "" {
			text, ok = l.env(r.env)
		}
		if !ok {
			text, ok = l.key(r.file)
		}
		if ok {
			n, err := r.parse(text.V)
			*r.to = Limit{V: n, Source: text.Source, text: text.V, err: err}
		}
	}
	return nil
}

// wholeUpTo returns what parses a whole number from 0 to most. Nothing is rounded.
func wholeUpTo(most int64) func(string) (int64, error) {
	return func(text string) (int64, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > most {
			return 0, fmt.Errorf("%.40q is no whole number from 0 to %d", text, most)
		}
		return n, nil
	}
}

// parseSize reads a size: bytes, or a whole number of kB, MB, GB, TB (powers of
// 1,000) or KiB, MiB, GiB, TiB (of 1,024). 0 is refused: it would be no limit.
func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, " kKmMgGtTiIbB")
	unit, ok := sizeUnit(strings.TrimSpace(text[len(digits):]))
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%.40q is no size like 500000000, 500MB or 20GiB", text)
	}
	return n * unit, nil
}

func sizeUnit(name string) (int64, bool) {
	name = strings.ToLower(name)
	if name == "" || name == "b" {
		return 1, true
	}
	prefix, isBytes := strings.CutSuffix(name, "b")
	base := int64(1000)
	if binary, ok := strings.CutSuffix(prefix, "i"); ok {
		prefix, base = binary, 1024
	}
	power := strings.Index("kmgt", prefix)
	if !isBytes || len(prefix) != 1 || power < 0 {
		return 0, false
	}
	unit := base
	for range power {
		unit *= base
	}
	return unit, true
}
