package chromatest_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepsake/internal/store/chroma/chromatest"
)

func TestMain(m *testing.M) { chromatest.Main(m) }

func TestDatabase(t *testing.T) {
	chromatest.NoLeaks(t)
	s := chromatest.Shared(t)
	one, two := s.Database(t), s.Database(t)
	s.Call(t, http.MethodPost, chromatest.Collections(one), map[string]string{"name": "things"}, nil)
	var got []struct{ Name string }
	s.Call(t, http.MethodGet, chromatest.Collections(two), nil, &got)
	if len(got) != 0 {
		t.Errorf("another database holds %v, want nothing", got)
	}
	s.Call(t, http.MethodGet, chromatest.Collections(one), nil, &got)
	if len(got) != 1 || got[0].Name != "things" {
		t.Errorf("the database holds %v, want things", got)
	}
}

func TestOld(t *testing.T) {
	s := chromatest.Start(t, chromatest.Old())
	if status, body := s.Try(t, http.MethodGet, "/api/v2/version", nil); status != http.StatusOK {
		t.Errorf("version: %d %s", status, body)
	}
}

func TestRestart(t *testing.T) {
	chromatest.NoLeaks(t)
	s := chromatest.Start(t)
	database := s.Database(t)
	pid, url := s.PID(), s.URL()
	s.Kill()
	if _, err := http.Get(url + "/api/v2/heartbeat"); err == nil {
		t.Error("a killed server answers")
	}
	s.Restart(t)
	if s.PID() == pid || s.URL() != url {
		t.Errorf("pid %d, url %s: want another pid and %s", s.PID(), s.URL(), url)
	}
	s.Call(t, http.MethodGet, chromatest.Collections(database), nil, nil)
}

// TestOrphan has a test binary die with its server running.
func TestOrphan(t *testing.T) {
	if file := os.Getenv("CHROMATEST_ORPHAN"); file != "" {
		s := chromatest.Start(t)
		if err := os.WriteFile(file, []byte(strconv.Itoa(s.PID())), 0o600); err != nil {
			t.Fatal(err)
		}
		go func() { panic("on purpose") }()
		select {}
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends the children of a dead process")
	}
	chromatest.Shared(t) // skips when there is no server
	file := filepath.Join(t.TempDir(), "pid")
	child := exec.Command(os.Args[0], "-test.run=^TestOrphan$")
	child.Env = append(os.Environ(), "CHROMATEST_ORPHAN="+file)
	out, err := child.CombinedOutput()
	if err == nil {
		t.Fatalf("the child did not panic: %s", out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, pid)
}

// awaitEnd waits for a process that is not our child to end.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(5 * time.Second)
	for {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("server %d outlived its test binary", pid)
		}
	}
}

func TestProxyFaults(t *testing.T) {
	s := chromatest.Shared(t)
	const heartbeat = "/api/v2/heartbeat"
	for _, tt := range []struct {
		name  string
		fault chromatest.Fault
		check func(t *testing.T, answer *http.Response, body string, err error)
	}{
		{"None", chromatest.Fault{}, func(t *testing.T, a *http.Response, body string, err error) {
			if err != nil || a.StatusCode != http.StatusOK || !strings.Contains(body, "heartbeat") {
				t.Errorf("got %v %q, %v", a, body, err)
			}
		}},
		{"Status", chromatest.Fault{Status: 503, RetryAfter: "2"}, func(t *testing.T, a *http.Response, _ string, err error) {
			if err != nil || a.StatusCode != 503 || a.Header.Get("Retry-After") != "2" {
				t.Errorf("got %v, %v", a, err)
			}
		}},
		{"Reset", chromatest.Fault{Reset: true}, func(t *testing.T, _ *http.Response, _ string, err error) {
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
				t.Errorf("got %v, want a reset", err)
			}
		}},
		{"Cut", chromatest.Fault{Cut: true}, func(t *testing.T, _ *http.Response, body string, err error) {
			if !errors.Is(err, io.ErrUnexpectedEOF) || body == "" {
				t.Errorf("got %q, %v, want half a body", body, err)
			}
		}},
		{"Hang", chromatest.Fault{Hang: true}, func(t *testing.T, _ *http.Response, _ string, err error) {
			if !os.IsTimeout(err) {
				t.Errorf("got %v, want a timeout", err)
			}
		}},
		{"Instead", chromatest.Fault{Rewrite: chromatest.CountOf(7)}, func(t *testing.T, _ *http.Response, body string, err error) {
			if err != nil || body != "7" {
				t.Errorf("got %q, %v, want 7", body, err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chromatest.NoLeaks(t)
			p := chromatest.Proxy(t, s, func(chromatest.Request) chromatest.Fault { return tt.fault })
			client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			if tt.fault.Hang {
				client.Timeout = 100 * time.Millisecond
			}
			answer, err := client.Get(p.URL() + heartbeat)
			var body []byte
			if err == nil {
				defer answer.Body.Close()
				body, err = io.ReadAll(answer.Body)
			}
			tt.check(t, answer, string(body), err)
			if got := p.Count(http.MethodGet, "heartbeat"); got != 1 {
				t.Errorf("counted %d requests, want 1", got)
			}
		})
	}
}

func TestRowFaults(t *testing.T) {
	const page = `{"ids":["a","b"],"documents":[null,"x"],"embeddings":[[1],[-0.0]],"metadatas":null}`
	for _, tt := range []struct {
		name   string
		change func([]byte) ([]byte, error)
		want   string
	}{
		{"Drop", chromatest.DropRow(0), `{"documents":["x"],"embeddings":[[-0.0]],"ids":["b"],"metadatas":null}`},
		{"Repeat", chromatest.RepeatRow(1), `{"documents":[null,"x","x"],"embeddings":[[1],[-0.0],[-0.0]],"ids":["a","b","b"],"metadatas":null}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.change([]byte(page))
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}
