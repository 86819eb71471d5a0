//go:build bench

package bench_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
)

// again merges a bundle into a collection that has it all: once behind a proxy
// that counts what is sent, once without it, so that it costs no time.
func (b *bench) again(ctx context.Context) error {
	m, err := b.mergedIn(ctx)
	if err != nil {
		return err
	}
	counting, adds, err := countingProxy(m.URL())
	if err != nil {
		return err
	}
	defer counting.Close()
	rows := b.options.rows
	if _, err := b.tool.restore(ctx, b.bundle, servedBy(counting.URL), rows, 0); err != nil {
		return fmt.Errorf("behind the proxy: %w", err)
	}
	if n := adds.Load(); n != 0 {
		return fmt.Errorf("%d requests sent rows to a collection that had them all", n)
	}
	r, err := b.tool.restore(ctx, b.bundle, servedBy(m.URL()), rows, 0)
	if err != nil {
		return err
	}
	b.say("merge again in %s", r)
	first := m.restored
	b.report.times("merge into a complete collection (0 rows sent)", r.Wall, first.preflight()+first.proof(), "preflight and proof of the first merge", 1)
	return nil
}

// countingProxy stands before a server and counts the requests that add rows.
func countingProxy(server string) (*httptest.Server, *atomic.Int64, error) {
	target, err := url.Parse(server)
	if err != nil {
		return nil, nil, fmt.Errorf("parse address: %w", err)
	}
	adds := &atomic.Int64{}
	proxy := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorLog: log.New(io.Discard, "", 0), // what fails, fails in keepsake too
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, writes := range []string{"/add", "/upsert", "/update"} {
			if strings.HasSuffix(r.URL.Path, writes) {
				adds.Add(1)
			}
		}
		proxy.ServeHTTP(w, r)
	})), adds, nil
}
