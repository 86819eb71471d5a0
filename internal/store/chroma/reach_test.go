package chroma_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/store"
	"keepsake/internal/store/chroma"
	"keepsake/internal/store/chroma/chromatest"
)

// hint returns what an error says that the operator can do.
func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// silent is a server that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String()
}

// nobody is an address where nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return "http://" + l.Addr().String()
}

func answering(t *testing.T, status int, header, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestUnreachable wants every address that is no Chroma of ours to be told so,
// soon, by whatever speaks to it first.
func TestUnreachable(t *testing.T) {
	for _, tt := range []struct {
		name    string
		address func(t *testing.T) string
		want    string
	}{
		{"ErrNobody", nobody, "refused"},
		{"ErrHangs", silent, "no answer within 200ms"},
		{"ErrWebServer", func(t *testing.T) string {
			return answering(t, 404, "Content-Type: text/html", "<h1>Not Found</h1>\nnginx")
		}, "what answers is not a Chroma with API v2: GET /api/v2/heartbeat gave 404 <h1>Not Found</h1> nginx"},
		{"ErrWebPage", func(t *testing.T) string {
			return answering(t, 200, "", "<html>Welcome")
		}, `not a Chroma with API v2: GET /api/v2/heartbeat gave "<html>Welcome"`},
		{"ErrOtherJSON", func(t *testing.T) string {
			return answering(t, 200, "", `{"status":1}`)
		}, "not a Chroma with API v2: a heartbeat without its time"},
		{"ErrOldAPI", func(t *testing.T) string {
			return answering(t, 410, "", `{"error":"Unimplemented","message":"The v1 API is deprecated"}`)
		}, "410 Unimplemented: The v1 API is deprecated"},
		{"ErrElsewhere", func(t *testing.T) string {
			return answering(t, 301, "Location: http://elsewhere.invalid/", "")
		}, "GET /api/v2/heartbeat gave 301 Moved Permanently"},
		{"ErrBusy", func(t *testing.T) string {
			return answering(t, 503, "", "try later")
		}, "503 try later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chromatest.NoLeaks(t)
			s := open(t, chroma.Config{
				BaseURL: tt.address(t), ConnectTimeout: 200 * time.Millisecond, Pause: time.Millisecond,
				Collections: map[memory.Section]string{section: name},
			})
			_, err := s.Open(t.Context(), nil)
			wantUnreachable(t, err, tt.want)
			_, err = s.Survey(t.Context(), section)
			wantUnreachable(t, err, tt.want)
			_, err = s.Merge(t.Context(), memory.SectionSpec{Name: section}, sequence(nil), store.MergeOptions{})
			wantUnreachable(t, err, tt.want)
		})
	}
}

func wantUnreachable(t *testing.T, err error, want string) {
	t.Helper()
	if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), want) ||
		!strings.HasPrefix(err.Error(), "reach Chroma at http://127.0.0.1:") {
		t.Errorf("got %v\nwant ErrUnreachable with %q", err, want)
	}
}

func TestNoSuchDatabase(t *testing.T) {
	p := newPlace(t, chromatest.Shared(t))
	p.database = "no such"
	_, err := open(t, p.config(p.URL())).Open(t.Context(), nil)
	wantUnreachable(t, err, `there is no database "no such" in tenant "default_tenant"`)
	if !strings.Contains(hint(err), "no databases") {
		t.Errorf("got hint %q", hint(err))
	}
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ name, address, want string }{
		{"ErrUserInfo", "http://user:hunter2@host:8000", "user name or password"},
		{"ErrUserInfoWithoutScheme", "user:hunter2@host:8000", "user name or password"},
		{"ErrBadEscape", "http://host/%zz?hunter2", "no URL"},
		{"ErrQuery", "http://host:8000/?token=hunter2", "a query or fragment"},
		{"ErrFragment", "http://host:8000/#hunter2", "a query or fragment"},
		{"ErrNoScheme", "localhost:8000", `want http://host:port, got "localhost:8000"`},
		{"ErrNoHost", "http://:8000", "want http://host:port"},
		{"ErrEmpty", "", "want http://host:port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := chroma.New(chroma.Config{BaseURL: tt.address})
			if s != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error()+hint(err), "hunter2") {
				t.Errorf("the error repeats the secret: %v", err)
			}
		})
	}
	s := open(t, chroma.Config{BaseURL: "http://[::1]:8000/"})
	if got := s.Address(); got != "http://[::1]:8000" {
		t.Errorf("got address %q, want it without the slash", got)
	}
}

// TestSecrets has servers repeat the token and headers in all they say, and
// wants them in no error.
func TestSecrets(t *testing.T) {
	const token, bearer = "tok-hunter2", "bear-hunter3"
	p, rows := filled(t, 20)
	echo := func(r chromatest.Request) string {
		return r.Header.Get("X-Chroma-Token") + " and " + r.Header.Get("Authorization")
	}
	sent := 0
	for _, op := range []string{"heartbeat", "version", "pre-flight-checks", p.database, name, "get", "count", "add", "openapi.json", "collections"} {
		for _, status := range []int{200, 302, 400, 401, 403, 404, 422, 500} {
			proxy := chromatest.Proxy(t, p.Server, func(r chromatest.Request) chromatest.Fault {
				if r.Op != op {
					return chromatest.Fault{}
				}
				if echo(r) == token+" and Bearer "+bearer {
					sent++
				}
				return chromatest.Fault{Status: status, Text: echo(r)}
			})
			config := p.config(proxy.URL())
			config.Token, config.Headers = token, map[string]string{"Authorization": "Bearer " + bearer}
			config.Tries = 1
			wantNoSecret(t, config, rows)
			config.Collections = map[memory.Section]string{section: "absent"}
			wantNoSecret(t, config, rows)
		}
	}
	if sent == 0 {
		t.Error("the token was never sent")
	}
	_, err := chroma.New(chroma.Config{BaseURL: "http://host", Token: token + "\n"})
	if err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("got %v, want an error without the token", err)
	}
}

// wantNoSecret does all that speaks to a server.
func wantNoSecret(t *testing.T, config chroma.Config, rows []memory.Record) {
	t.Helper()
	s := open(t, config)
	var said strings.Builder
	add := func(err error) {
		if err != nil {
			said.WriteString(err.Error() + hint(err) + "\n")
		}
	}
	_, _, err := tryRead(t, s)
	add(err)
	_, err = s.Survey(t.Context(), section)
	add(err)
	spec := memory.SectionSpec{Collection: &memory.Collection{Schema: memory.RawJSON(`{"keys":{}}`)}}
	_, h, err := tryMerge(t, s, spec, append(rows[:20:20], []byte(`{"id":"new","embedding":[1,2,3,4,5,6,7,8]}`)))
	add(err)
	for _, reason := range h.reasons {
		said.WriteString(reason)
	}
	if strings.Contains(said.String(), "hunter") {
		t.Errorf("an error holds a secret: %s", said.String())
	}
}
