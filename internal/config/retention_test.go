package config_test

import (
	"errors"
	"testing"

	"keepsake/internal/config"
)

// A number that can't be used doesn't keep a configuration from being loaded,
// for a backup has to go on; retention is refused, with where the number is.
func TestRetentionRefused(t *testing.T) {
	type env = map[string]string
	for _, c := range []struct {
		name string
		set  setting
		want string
	}{
		{"KIsAWord", setting{env: env{"NEO_BACKUP_RETAIN_K": "three"}}, `read environment NEO_BACKUP_RETAIN_K: "three" is no whole number from 0 to 1000000`},
		{"KNegative", setting{env: env{"NEO_BACKUP_RETAIN_K": "-1"}}, `read environment NEO_BACKUP_RETAIN_K: "-1" is no whole number from 0 to 1000000`},
		{"KNone", setting{env: env{"NEO_BACKUP_RETAIN_K": "0"}}, "read environment NEO_BACKUP_RETAIN_K: retention would keep nothing: want at least 1, have 0"},
		{"DaysWithUnit", setting{env: env{"NEO_BACKUP_RETAIN_DAYS": "7d"}}, `read environment NEO_BACKUP_RETAIN_DAYS: "7d" is no whole number from 0 to 36500`},
		{"DaysNone", setting{env: env{"NEO_BACKUP_RETAIN_DAYS": "0"}}, "read environment NEO_BACKUP_RETAIN_DAYS: retention would keep nothing: want at least 1, have 0"},
		{"DaysForever", setting{env: env{"NEO_BACKUP_RETAIN_DAYS": "36501"}}, `read environment NEO_BACKUP_RETAIN_DAYS: "36501" is no whole number from 0 to 36500`},
		{"HalfANumber", setting{file: "retention:\n  keep: 3.5\n"}, `read file ROOT/keepsake.yaml:2:9: "3.5" is no whole number from 0 to 1000000`},
		{"Daily", setting{file: "retention:\n  keep-daily: all\n"}, `read file ROOT/keepsake.yaml:2:15: "all" is no whole number from 0 to 1000000`},
		{"SafetyDays", setting{file: "retention:\n  safety-days: -7\n"}, `read file ROOT/keepsake.yaml:2:16: "-7" is no whole number from 0 to 36500`},
		{"Size", setting{file: "retention:\n  max-bytes: 20 bytes\n"}, `read file ROOT/keepsake.yaml:2:14: "20 bytes" is no size like 500000000, 500MB or 20GiB`},
		{"SizeZero", setting{file: "retention:\n  max-bytes: 0\n"}, `read file ROOT/keepsake.yaml:2:14: "0" is no size like 500000000, 500MB or 20GiB`},
		{"SizeTooLarge", setting{file: "retention:\n  max-bytes: 9999999999TB\n"}, `read file ROOT/keepsake.yaml:2:14: "9999999999TB" is no size like 500000000, 500MB or 20GiB`},
		{"FlagFirst", setting{flags: env{"keep": "0"}, env: env{"NEO_BACKUP_RETAIN_K": "3"}}, "read flag --keep: retention would keep nothing: want at least 1, have 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := c.set.mustLoad(t)
			wantError(t, cfg.CheckRetention(), root, c.want)
		})
	}
	t.Run("NothingKept", func(t *testing.T) {
		_, cfg := setting{env: env{"NEO_BACKUP_RETAIN_K": "0"}}.mustLoad(t)
		if err := cfg.CheckRetention(); !errors.Is(err, config.ErrNothingKept) {
			t.Errorf("got %v, want %v", err, config.ErrNothingKept)
		}
	})
	t.Run("ZeroConfig", func(t *testing.T) {
		if err := new(config.Config).CheckRetention(); err == nil {
			t.Error("got no error for the zero configuration")
		}
	})
}

func TestRetentionTakes(t *testing.T) {
	_, cfg := setting{}.mustLoad(t)
	if err := cfg.CheckRetention(); err != nil {
		t.Errorf("got %v for the preset, want none", err)
	}
	for text, want := range map[string]int64{
		"1": 1, "500000000": 500_000_000, "1kB": 1000, "2 MB": 2_000_000, "200GB": 200_000_000_000, "3tb": 3_000_000_000_000,
		"1KiB": 1024, "20GiB": 20 << 30, "7 B": 7,
	} {
		_, cfg := setting{flags: map[string]string{"max-bytes": text}}.mustLoad(t)
		if got := cfg.Retention.MaxBytes.V; got != want || cfg.CheckRetention() != nil {
			t.Errorf("%s: got %d, %v, want %d", text, got, cfg.CheckRetention(), want)
		}
	}
}

// What can't be used is shown as it was given.
func TestRetentionShown(t *testing.T) {
	root, cfg := setting{env: map[string]string{"NEO_BACKUP_RETAIN_K": "three"}}.mustLoad(t)
	if got, want := rows(cfg, root)["retention.keep"], "three (refused) | environment NEO_BACKUP_RETAIN_K"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
