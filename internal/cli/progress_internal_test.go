package cli

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sink is a terminal that several goroutines write to.
type sink struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestMeterShowsAPhaseThatDoesNotAdvance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		m := newMeter(&out, "auto", true, false, time.Now)
		m.Begin("merge", "mc/memory", 400)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if got := out.String(); !strings.Contains(got, "merge mc/memory") || !strings.Contains(got, "0 of 400 rows") {
			t.Errorf("after half a second: got %q, want the phase", got)
		}
		m.End()
		if got := out.String(); !strings.HasSuffix(got, "\r\x1b[K") {
			t.Errorf("at the end: got %q, want the line wiped", got)
		}
	})
}

func TestMeterDrawsTenTimesASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		m := newMeter(&out, "auto", true, false, time.Now)
		m.Begin("read", "kb/knowledge-base", 1000)
		for range 1000 {
			m.Advance(1, 13_000)
			time.Sleep(time.Millisecond)
		}
		m.End()
		if got := strings.Count(out.String(), "kb/knowledge-base"); got < 5 || got > 11 {
			t.Errorf("in a second: got %d lines, want about ten", got)
		}
		for line := range strings.SplitSeq(out.String(), "\r\x1b[K") {
			if len(line) >= 80 {
				t.Errorf("got a line of %d columns: %q", len(line), line)
			}
		}
		if !strings.Contains(out.String(), "MB/s") {
			t.Errorf("got %q, want a rate", out.String())
		}
	})
}

func TestMeterStyles(t *testing.T) {
	for _, tt := range []struct {
		name, style      string
		terminal, asJSON bool
		want             string // what a phase of eleven seconds draws; "" is no meter
	}{
		{"AutoOnATerminal", "auto", true, false, "\r\x1b[Kcheck"},
		{"AutoElsewhere", "auto", false, false, ""},
		{"None", "none", true, false, ""},
		{"Plain", "plain", false, false, "5 of 10 rows"},
		{"PlainJSON", "plain", false, true, `"progress":"check"`},
		{"AutoJSONOnATerminal", "auto", true, true, `"secondsLeft":`},
		{"AutoJSONElsewhere", "auto", false, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out sink
				m := newMeter(&out, tt.style, tt.terminal, tt.asJSON, time.Now)
				if (m == nil) != (tt.want == "") {
					t.Fatalf("got meter %v, want one: %v", m != nil, tt.want != "")
				}
				if m == nil {
					return
				}
				m.Begin("check", "mc/memory", 10)
				m.Advance(5, 100)
				time.Sleep(11 * time.Second)
				synctest.Wait()
				m.End()
				if got := out.String(); !strings.Contains(got, tt.want) {
					t.Errorf("got %q, want %q in it", got, tt.want)
				}
			})
		})
	}
}
