package chroma

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// client makes requests of one Chroma, again where that may help.
type client struct {
	http    *http.Client
	own     bool // http is ours to close
	base    string
	scope   string // path of the database
	header  http.Header
	secrets *strings.Replacer
	tries   int
	pause   time.Duration
	now     func() time.Time
	silence time.Duration // ReadTimeout
	timeout time.Duration // of the silence of all tries
	brief   time.Duration // ConnectTimeout, for a server that was given up
	// given counts the requests that were given up, one after the other.
	given atomic.Int32
}

func newClient(config Config) *client {
	c := &client{
		base: config.BaseURL,
		scope: "/api/v2/tenants/" + url.PathEscape(config.Tenant) +
			"/databases/" + url.PathEscape(config.Database),
		header:  http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
		tries:   config.Tries,
		pause:   config.Pause,
		now:     config.Now,
		silence: config.ReadTimeout,
		timeout: config.Timeout,
		brief:   config.ConnectTimeout,
	}
	if config.Token != "" {
		c.header.Set("X-Chroma-Token", config.Token)
	}
	for name, value := range config.Headers {
		c.header.Set(name, value)
	}
	c.secrets = secrets(config)
	if config.Client == nil {
		c.http, c.own = ownHTTP(config), true
	} else {
		copied := *config.Client
		c.http = &copied
	}
	// A header of ours would follow a redirect to any host.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// secrets hides the token and the values of headers in what a server says.
func secrets(config Config) *strings.Replacer {
	var parts []string
	if config.Token != "" {
		parts = append(parts, config.Token)
	}
	for value := range maps.Values(config.Headers) {
		for part := range strings.FieldsSeq(value) { // of "Bearer x", x is the secret
			if len(part) > 3 { // else it would hide parts of every other word
				parts = append(parts, part)
			}
		}
	}
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, part := range parts {
		pairs = append(pairs, part, "***")
	}
	return strings.NewReplacer(pairs...)
}

// close lets go of idle connections.
func (c *client) close() {
	if c.own {
		c.http.CloseIdleConnections()
	}
}

// request is one thing asked of the server. Body is called for each try.
type request struct {
	what    string // "list ids": begins errors
	method  string
	path    string
	body    func() (io.Reader, int64)
	silence time.Duration // 0: the client's
	tries   int           // 0: the client's
	// first says that it is of the first contact, whose answer says nothing of whether
	// the server does its work.
	first bool
	// tries500 bounds how often 500 is taken for an answer, 0 for no other bound.
	tries500 int
}

// do makes a request until it is answered with 2xx and take has taken the body.
// Take is called for each such answer and begins anew each time. A server that is
// silent for as long as it may is given up.
func (c *client) do(ctx context.Context, r request, take func(body io.Reader, size int64) error) error {
	failed := 0
	p := c.patience(r)
	err := c.retry(ctx, or(r.tries, c.tries), func() error {
		err := p.try(func(silence time.Duration) error { return c.try(ctx, r, silence, take) })
		if brokenRows(err) {
			if failed++; failed == r.tries500 {
				return backoff.Permanent(err)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", r.what, err)
	}
	return nil
}

func (c *client) try(ctx context.Context, r request, silence time.Duration, take func(io.Reader, int64) error) error {
	watched, watch := watchSilence(ctx, silence)
	defer watch.stop()
	req, err := c.newRequest(watched, r, watch)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return c.transport(ctx, watched, err)
	}
	defer answer.Body.Close()
	body := &watchedReader{r: answer.Body, watch: watch}
	if answer.StatusCode/100 != 2 {
		return c.statusError(answer, body)
	}
	err = take(body, answer.ContentLength)
	if body.err != nil && !errors.Is(body.err, io.EOF) {
		return c.transport(ctx, watched, body.err)
	}
	return err
}

func (c *client) newRequest(ctx context.Context, r request, watch *silenceWatch) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header = c.header
	if host := c.header.Get("Host"); host != "" {
		req.Host = host
	}
	if r.body != nil {
		body, size := r.body()
		req.Body = io.NopCloser(&watchedReader{r: body, watch: watch})
		req.ContentLength = size
	}
	return req, nil
}

// transport says why there was no whole answer: the caller's context, silence,
// or the network.
func (c *client) transport(ctx, watched context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var silent silentError
	if errors.As(context.Cause(watched), &silent) {
		return &transportError{silent}
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // it begins with method and URL, which the caller says better
	}
	return &transportError{err}
}

// statusError reads what a server says about an error.
func (c *client) statusError(answer *http.Response, body io.Reader) error {
	const most = 4 << 10
	text, _ := io.ReadAll(io.LimitReader(body, most)) // the status matters more
	e := &StatusError{
		Status:     answer.StatusCode,
		retryAfter: retryAfter(answer.Header.Get("Retry-After"), c.now),
	}
	var said struct{ Error, Message string }
	if json.Unmarshal(text, &said) == nil && said.Error+said.Message != "" {
		e.Message = strings.TrimPrefix(said.Error+": "+said.Message, ": ")
	} else {
		e.Message = strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "�")), " ")
	}
	e.Message = c.secrets.Replace(e.Message)
	if len(e.Message) > 500 {
		e.Message = strings.ToValidUTF8(e.Message[:500], "") + "…"
	}
	return e
}

// call sends in as JSON, unless it is nil, and decodes the answer into out. It
// is for small documents.
func (c *client) call(ctx context.Context, r request, in, out any) error {
	if in != nil {
		sent, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s: %w", r.what, err)
		}
		r.body = func() (io.Reader, int64) { return bytes.NewReader(sent), int64(len(sent)) }
	}
	return c.do(ctx, r, func(body io.Reader, _ int64) error {
		if out == nil {
			_, err := io.Copy(io.Discard, body)
			return err
		}
		if err := json.NewDecoder(body).Decode(out); err != nil {
			return &malformedError{err}
		}
		return nil
	})
}
