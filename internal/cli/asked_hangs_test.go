package cli_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"keepsake/internal/store/chroma/chromatest"
)

// TestTrue_20_AServerThatHangs is given up after its timeout, all tries together, with
// 8 and its name, whatever it hangs at, and however many sections it has.
func TestTrue_20_AServerThatHangs(t *testing.T) {
	const config = "preset: chroma\nsources:\n  chroma:\n    store: SERVER\n    timeout: 1s\n"
	w := newWorkshop(t, config)
	for _, name := range []string{"aaa", "bbb", "ccc", "ddd", "eee", "fff", "ggg", "hhh"} {
		w.fill(name, 3)
	}
	bundle := w.backupWith(0)
	for _, hangs := range []struct {
		at   string
		args []string
	}{
		{"count", []string{"backup"}},
		{"get", []string{"backup"}},
		{"collections", []string{"backup"}},
		{"get", []string{"backup", "--dry-run"}},
		{"get", []string{"restore", bundle}},
		{"collections", []string{"doctor"}},
	} {
		w.sub(hangs.at+" "+hangs.args[0], func(t *testing.T) {
			w.front(config, func(r chromatest.Request) chromatest.Fault { return chromatest.Fault{Hang: r.Op == hangs.at} })
			began := time.Now()
			r := w.run(hangs.args...)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %v, want few seconds of a server that is given up after 1s", took)
			}
			if want := map[string]int{"doctor": 1}[hangs.args[0]]; r.code != max(want, 8*(1-want)) {
				t.Errorf("got exit code %d: %s", r.code, r.stderr)
			}
			says(t, r.stdout+r.stderr, "no answer within ", "http://127.0.0.1:")
		})
	}
	w.sub("add", func(t *testing.T) {
		w.drop("aaa")
		w.front(config, func(r chromatest.Request) chromatest.Fault { return chromatest.Fault{Hang: r.Op == "add"} })
		began := time.Now()
		r := w.run("restore", bundle, "--only", "chroma/aaa")
		if took := time.Since(began); took > 20*time.Second || r.code != 8 && r.code != 9 {
			t.Errorf("got exit code %d after %v, want 8 or 9 after few seconds: %s", r.code, took, r.stderr)
		}
		says(t, r.stdout+r.stderr, "no answer within 1s", "http://127.0.0.1:")
	})
}

// TestTrue_20_ASlowServer sends a byte now and then: it is no server that hangs.
func TestTrue_20_ASlowServer(t *testing.T) {
	const config = "preset: chroma\nsources:\n  chroma:\n    store: SERVER\n    timeout: 1s\n"
	w := newWorkshop(t, config)
	w.fill("papers", 40)
	slow := dripping(t, w.URL())
	w.configure(strings.ReplaceAll(config, "SERVER", "chroma:"+slow))
	began := time.Now()
	wantBundled(t, w.backupWith(0), map[string]float64{"chroma/papers": 40})
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("took %v: the server was not slow, so nothing was tried", took)
	}
}

// TestTrue_20_AddsFail: a server that answers 500 to every add is a store that failed,
// and nothing of our own.
func TestTrue_20_AddsFail(t *testing.T) {
	const config = "preset: chroma\nsources:\n  chroma: SERVER\n"
	for generation, options := range generations {
		t.Run(generation, func(t *testing.T) {
			t.Parallel() // it waits between its tries
			w := newWorkshop(t, config, options...)
			w.fill("papers", 5)
			bundle := w.backupWith(0)
			w.drop("papers")
			w.front(config, func(r chromatest.Request) chromatest.Fault {
				if r.Op == "add" {
					return chromatest.Fault{Status: http.StatusInternalServerError}
				}
				return chromatest.Fault{}
			})
			r := w.run("restore", bundle)
			if r.code != 8 && r.code != 9 {
				t.Errorf("got exit code %d, want 8 or 9: %s", r.code, r.stderr)
			}
			says(t, r.stdout+r.stderr, "500", "chroma/papers")
		})
	}
}
