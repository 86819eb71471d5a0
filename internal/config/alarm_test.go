package config_test

import (
	"strings"
	"testing"
)

func TestAlarm(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       int64
		text       string
	}{
		{"Default", "preset: neo\n", 500, "50% | default"},
		{"Percent", "alarm:\n  lost: 5%\n", 50, "5% | file ROOT/keepsake.yaml:2"},
		{"Tenth", "alarm:\n  lost: 0.5%\n", 5, "0.5% | file ROOT/keepsake.yaml:2"},
		{"Most", "alarm:\n  lost: 50%\n", 500, "50% | file ROOT/keepsake.yaml:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, cfg := setting{file: c.file}.mustLoad(t)
			if got := cfg.Alarm.Lost.V; got != c.want {
				t.Errorf("got %d thousandths, want %d", got, c.want)
			}
			if got := rows(cfg, root)["alarm.lost"]; got != c.text {
				t.Errorf("config show: got %q, want %q", got, c.text)
			}
		})
	}
	for name, value := range map[string]string{
		"NoUnit": "5", "Zero": "0%", "ZeroTenths": "0.0%", "MoreThanHalf": "51%", "ALittleMore": "50.1%", "All": "100%",
		"Negative": "-5%", "Plus": "+5%", "Word": "half", "Hundredths": "0.25%", "NoDigit": "%", "Point": "5.%", "PointAlone": ".5%",
		"Points": "1.2.3%", "Space": "5 %", "Exponent": "1e1%", "Long": "99999999999999999999%", "Twice": "5%%",
	} {
		t.Run("Refused/"+name, func(t *testing.T) {
			_, _, err := setting{file: "alarm:\n  lost: " + value + "\n"}.load(t)
			if err == nil || !strings.Contains(err.Error(), "keepsake.yaml:2") {
				t.Errorf("got %v, want an error that names the line", err)
			}
		})
	}
}
