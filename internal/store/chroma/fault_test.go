package chroma_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
	"keepsake/internal/store/storetest"
)

// mending are the faults that another try mends.
var mending = map[string]chromatest.Fault{
	"429":   {Status: 429},
	"500":   {Status: 500},
	"502":   {Status: 502},
	"503":   {Status: 503, Text: "<html>busy</html>"},
	"Reset": {Reset: true},
	"Cut":   {Cut: true},
	"Hang":  {Hang: true},
	"Trash": {Rewrite: chromatest.Instead(`{"ids":["a`)},
	// The server did the work and nobody heard.
	"AnswerLost": {Forward: true, Reset: true},
}

// TestFaultsOfReading makes each fault at each request of a reading, once, and
// wants all rows; then at that request for good, and wants an error.
func TestFaultsOfReading(t *testing.T) {
	p, rows := filled(t, 200)
	config := p.config("")
	config.PageRows, config.ReadTimeout = 50, 200*time.Millisecond
	for name, fault := range mending {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				var reached atomic.Bool
				proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
					if r.Op == "get" && r.N == n {
						reached.Store(true)
						return fault
					}
					return chromatest.Fault{}
				})
				config.BaseURL = proxy.URL()
				got, capture := read(t, open(t, config))
				if !reached.Load() {
					return // the reading has no request n
				}
				equalRows(t, got, rows)
				if !capture.Complete() {
					t.Errorf("fault at request %d: got %+v, want complete", n, capture)
				}
			}
		})
	}
}

func TestFaultsForGood(t *testing.T) {
	p, _ := filled(t, 200)
	for name, fault := range mending {
		t.Run(name, func(t *testing.T) {
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if r.Op == "get" && r.N >= 4 {
					return fault
				}
				return chromatest.Fault{}
			})
			config := p.config(proxy.URL())
			config.PageRows, config.ReadTimeout, config.Tries = 50, 50*time.Millisecond, 3
			rows, capture, err := tryRead(t, open(t, config))
			if name == "500" { // it may be about rows, so they are told one by one
				if err == nil {
					t.Errorf("got %d rows, %+v, want an error: the last listing fails", len(rows), capture)
				}
				return
			}
			if !errors.Is(err, store.ErrUnreachable) && !errors.Is(err, store.ErrUnreadable) {
				t.Errorf("got %d rows, %v, want ErrUnreachable or ErrUnreadable", len(rows), err)
			}
		})
	}
}

// TestNeverAgain wants one request where another can't help.
func TestNeverAgain(t *testing.T) {
	p, _ := filled(t, 10)
	for _, code := range []int{400, 401, 403, 404, 405, 409, 410, 413, 422, 501} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if asksRows(r) {
					return chromatest.Fault{Status: code, Text: `{"error":"E","message":"no"}`}
				}
				return chromatest.Fault{}
			})
			_, _, err := tryRead(t, open(t, p.config(proxy.URL())))
			if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), fmt.Sprintf("%d E: no", code)) {
				t.Errorf("got %v, want ErrUnreadable and what the server said", err)
			}
			if n := proxy.Count(http.MethodPost, "get"); n != 2 { // the listing, and one page
				t.Errorf("got %d requests, want 2", n)
			}
		})
	}
}

// TestIndexErrors wants the one page asked for once where the index is at fault,
// and as often as is allowed where the server may only be busy.
func TestIndexErrors(t *testing.T) {
	p, rows := filled(t, 10)
	for _, tt := range []struct {
		name, text string
		want       int64
	}{
		{"FindingID", "Error executing plan: Internal error: Error finding id", 1},
		{"GettingEmbedding", "Error executing plan: Internal error: Error getting embedding", 1},
		{"LoadingIndex", "Error creating hnsw segment reader: Error loading hnsw index", 1},
		{"Other", "database is locked", 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var n atomic.Int64
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if asksRows(r) && len(asked(t, r)) == len(rows) {
					n.Add(1)
					return chromatest.Fault{Status: 500, Text: tt.text}
				}
				return chromatest.Fault{}
			})
			config := p.config(proxy.URL())
			config.Tries = 4
			got, _ := read(t, open(t, config))
			equalRows(t, got, rows)
			if n.Load() != tt.want {
				t.Errorf("got %d requests of the page, want %d", n.Load(), tt.want)
			}
		})
	}
}

// TestHopeless has the server fail on every row, with an error that may pass: it
// is given up soon, and a section of which no row can be got is no section.
func TestHopeless(t *testing.T) {
	for _, tt := range []struct {
		rows int
		want string
		most int // requests
	}{
		{300, "none of the first 100 rows could be got", 400},
		{20, "none of 20 rows could be got", 150},
	} {
		t.Run(strconv.Itoa(tt.rows), func(t *testing.T) {
			p, _ := filled(t, tt.rows)
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if r.Op == "get" && len(asked(t, r)) > 0 {
					return chromatest.Fault{Status: 500, Text: "database is locked"}
				}
				return chromatest.Fault{}
			})
			rows, _, err := tryRead(t, open(t, p.config(proxy.URL())))
			if !errors.Is(err, store.ErrUnreadable) || !strings.Contains(err.Error(), tt.want) || len(rows) != 0 {
				t.Errorf("got %d rows, %v, want ErrUnreadable: %s", len(rows), err, tt.want)
			}
			if n := proxy.Count(http.MethodPost, "get"); n > tt.most {
				t.Errorf("got %d requests, want at most %d", n, tt.most)
			}
		})
	}
}

// TestFaultsOfHalves makes faults while a page is halved, because it is too large
// and because a row of it can't be given.
func TestFaultsOfHalves(t *testing.T) {
	p, rows := filled(t, 60)
	bad := id(t, rows[20])
	for _, tt := range []struct {
		name   string
		broken bool
		bytes  int64
	}{{"TooLarge", false, 4 << 10}, {"Broken", true, 0}} {
		for _, fault := range []string{"429", "503", "Reset", "Cut"} {
			t.Run(tt.name+"/"+fault, func(t *testing.T) {
				var n atomic.Int64
				proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
					list := asked(t, r)
					switch {
					case len(list) == 0 || len(list) == 60:
					case n.Add(1)%2 == 1:
						return mending[fault]
					}
					if tt.broken && asksRows(r) && slices.Contains(list, bad) {
						return chromatest.Fault{Status: 500, Text: "Error finding id"}
					}
					return chromatest.Fault{}
				})
				config := p.config(proxy.URL())
				config.PageBytes = tt.bytes
				got, capture := read(t, open(t, config))
				if !tt.broken {
					equalRows(t, got, rows)
				}
				if len(got) != 60 || capture.Complete() == tt.broken || n.Load() < 4 {
					t.Errorf("got %d rows, %+v, after %d requests of parts", len(got), capture, n.Load())
				}
			})
		}
	}
}

func TestRetryAfter(t *testing.T) {
	p, _ := filled(t, 10)
	for _, tt := range []struct {
		name    string
		after   func() string
		atLeast time.Duration
		fails   bool
	}{
		{"Seconds", func() string { return "1" }, time.Second, false},
		{"Date", func() string {
			return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat)
		}, 500 * time.Millisecond, false},
		{"ErrTooLong", func() string { return "3600" }, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if asksRows(r) && r.N == 2 {
					return chromatest.Fault{Status: 429, RetryAfter: tt.after()}
				}
				return chromatest.Fault{}
			})
			before := time.Now()
			_, _, err := tryRead(t, open(t, p.config(proxy.URL())))
			if tt.fails != (err != nil) {
				t.Errorf("got %v, want an error: %t", err, tt.fails)
			}
			if took := time.Since(before); took < tt.atLeast || took > 30*time.Second {
				t.Errorf("took %v, want at least %v", took, tt.atLeast)
			}
		})
	}
}

// TestRestart kills the server in the middle of a reading and of a merge, and
// starts it again.
func TestRestart(t *testing.T) {
	server := chromatest.Start(t)
	p := newPlace(t, server)
	p.create(t, "l2")
	rows := storetest.Vectors("a", 400, true)
	p.add(t, rows[:300])
	config := p.config(p.URL())
	config.PageRows, config.BatchRows, config.Pause = 50, 20, 100*time.Millisecond
	s := open(t, config)

	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	reading, err := session.Read(t.Context(), section)
	if err != nil {
		t.Fatal(err)
	}
	var got []memory.Record
	for rec, err := range reading.All() {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, bytes.Clone(rec)); len(got) == 30 {
			server.Restart(t)
		}
	}
	equalRows(t, got, rows[:300])

	n := 0
	result, err := s.Merge(t.Context(), memory.SectionSpec{Name: section}, func(yield func(memory.Record, error) bool) {
		for _, rec := range rows {
			if n++; n == 350 {
				server.Restart(t)
			}
			if !yield(rec, nil) {
				return
			}
		}
	}, store.MergeOptions{})
	if err != nil || result.Same != 400 || result.Added != 100 || p.count(t) != 400 {
		t.Errorf("got %+v, %v, want 100 added and all the same", result, err)
	}
}

// TestCancelWhileHanging ends a reading, a merge and its proof while they wait for
// a server that does not answer.
func TestCancelWhileHanging(t *testing.T) {
	p, rows := filled(t, 100)
	more := slices.Concat(rows, storetest.Vectors("b", 120, true)[100:])
	merge := func(ctx context.Context, s *chroma.Server) error {
		result, err := s.Merge(ctx, memory.SectionSpec{Name: section}, sequence(more), store.MergeOptions{})
		if result.Before != 100 || result.Same != 0 {
			t.Errorf("got %+v, want nothing proved", result)
		}
		return err
	}
	for _, tt := range []struct {
		name  string
		hangs func(chromatest.Request) bool
		do    func(context.Context, *chroma.Server) error
	}{
		{"Reading", asksRows, func(ctx context.Context, s *chroma.Server) error { return readAll(ctx, t, s) }},
		{"Adding", func(r chromatest.Request) bool { return r.Op == "add" }, merge},
		{"Proving", asksRows, func(ctx context.Context, s *chroma.Server) error {
			more = more[:100]
			return merge(ctx, s)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chromatest.NoLeaks(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if !tt.hangs(r) {
					return chromatest.Fault{}
				}
				cancel()
				return chromatest.Fault{Hang: true}
			})
			if err := tt.do(ctx, open(t, p.config(proxy.URL()))); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
		})
	}
}

func readAll(ctx context.Context, t *testing.T, s *chroma.Server) error {
	t.Helper()
	session, err := s.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	reading, err := session.Read(ctx, section)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range reading.All() {
		if err != nil {
			return err
		}
	}
	return nil
}
