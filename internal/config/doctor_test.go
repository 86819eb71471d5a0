package config_test

import (
	"strings"
	"testing"
	"time"
)

func TestDoctorMaxAge(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       time.Duration
		text       string // as config show prints it
	}{
		{"Default", "", 26 * time.Hour, "26h | default"},
		{"Duration", "doctor:\n  max-age: 1h30m\n", 90 * time.Minute, "1h30m | file ROOT/keepsake.yaml:2"},
		{"Seconds", "doctor:\n  max-age: 90s\n", 90 * time.Second, "1m30s | file ROOT/keepsake.yaml:2"},
		{"Days", "doctor:\n  max-age: 2d\n", 48 * time.Hour, "48h | file ROOT/keepsake.yaml:2"},
		{"OtherName", "doctor:\n  max_age: 30h\n", 30 * time.Hour, "30h | file ROOT/keepsake.yaml:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := setting{file: c.file}.mustLoad(t)
			if got := cfg.Doctor.MaxAge.V; got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if got := rows(cfg, root)["doctor.max-age"]; got != c.text {
				t.Errorf("got %q, want %q", got, c.text)
			}
		})
	}
	for name, file := range map[string]string{
		"NoUnit":   "doctor:\n  max-age: 26\n",
		"Zero":     "doctor:\n  max-age: 0h\n",
		"Negative": "doctor:\n  max-age: -1d\n",
		"HalfDay":  "doctor:\n  max-age: 1.5d\n",
		"TooLong":  "doctor:\n  max-age: 99999999d\n",
		"Words":    "doctor:\n  max-age: a day\n",
		"Twice":    "doctor:\n  max-age: 1d\n  max_age: 2d\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := setting{file: file}.load(t)
			if err == nil || !strings.Contains(err.Error(), "keepsake.yaml:") {
				t.Errorf("got %v, want an error that names the line", err)
			}
		})
	}
}

func TestDoctorAccept(t *testing.T) {
	root, cfg := setting{file: "doctor:\n  accept: [same-disk, no-rows]\n"}.mustLoad(t)
	if got := rows(cfg, root)["doctor.accept"]; got != "same-disk, no-rows | file ROOT/keepsake.yaml:2" {
		t.Errorf("got %q", got)
	}
	_, cfg = setting{}.mustLoad(t)
	if len(cfg.Doctor.Accept.V) != 0 {
		t.Errorf("accepted by default: %q", cfg.Doctor.Accept.V)
	}
	for name, value := range map[string]string{"Unknown": "everything", "Loss": "far-less", "Twice": "[no-rows, no-rows]", "Empty": "[]"} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := (setting{file: "doctor:\n  accept: " + value + "\n"}).load(t); err == nil || !strings.Contains(err.Error(), "keepsake.yaml:2") {
				t.Errorf("got %v, want an error that names the line", err)
			}
		})
	}
}
