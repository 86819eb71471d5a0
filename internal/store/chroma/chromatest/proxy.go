package chromatest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strconv"
	"sync"
	"testing"
)

// Request is a request on its way through a proxy.
type Request struct {
	Method string
	Path   string
	Header http.Header
	Body   []byte
	// Op is the last element of the path: "get", "add", "count", "heartbeat", or
	// a collection's name.
	Op string
	// N counts the requests of this method and op, from 1.
	N int
}

// FaultProxy stands in front of a real server.
type FaultProxy struct {
	front     *httptest.Server
	target    *url.URL
	transport *http.Transport
	decide    func(Request) Fault
	closing   context.Context

	mu     sync.Mutex
	counts map[string]int
}

// Proxy puts a proxy in front of a server until the test ends. Decide is asked
// about every request before it goes on; the zero Fault lets it pass. It may do
// things to the real server meanwhile, and may be called by several goroutines
// at once. A nil decide lets everything pass.
func Proxy(t testing.TB, s *Server, decide func(Request) Fault) *FaultProxy {
	t.Helper()
	target, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	closing, stop := context.WithCancel(context.Background())
	p := &FaultProxy{
		target:    target,
		transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true},
		decide:    decide,
		closing:   closing,
		counts:    map[string]int{},
	}
	p.front = httptest.NewServer(p)
	t.Cleanup(func() {
		stop()
		p.front.CloseClientConnections()
		p.front.Close()
		p.transport.CloseIdleConnections()
	})
	return p
}

// URL is the proxy's address, without a slash at its end.
func (p *FaultProxy) URL() string { return p.front.URL }

// Count says how many requests of a method and op have come so far.
func (p *FaultProxy) Count(method, op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[method+" "+op]
}

func (p *FaultProxy) count(method, op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[method+" "+op]++
	return p.counts[method+" "+op]
}

// ServeHTTP passes a request on, or does to it what was decided.
func (p *FaultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	var fault Fault
	op := path.Base(r.URL.Path)
	n := p.count(r.Method, op)
	if p.decide != nil {
		fault = p.decide(Request{Method: r.Method, Path: r.URL.Path, Header: r.Header, Body: body, Op: op, N: n})
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	if fault.Forward {
		p.pass(httptest.NewRecorder(), r, Fault{})
	}
	switch {
	case !fault.wait(r.Context(), p.closing):
		return
	case fault.Reset:
		reset(w)
	case fault.Status != 0:
		fault.answer(w)
	default:
		p.pass(w, r, fault)
	}
}

func (p *FaultProxy) pass(w http.ResponseWriter, r *http.Request, fault Fault) {
	rp := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(p.target)
			pr.Out.Header.Set("Accept-Encoding", "identity") // a fault wants to see the body
		},
		Transport:      p.transport,
		ModifyResponse: fault.modify,
		FlushInterval:  -1, // what came before a cut has come
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, 0),
		// The real server is down: the client shall see what it would have seen.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) },
	}
	rp.ServeHTTP(w, r)
}

// reset ends a connection as a crash does: with RST, not with an answer.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // else it ends with FIN, which is a fault too
	}
	_ = conn.Close()
}

func setBody(answer *http.Response, body []byte) {
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
}
