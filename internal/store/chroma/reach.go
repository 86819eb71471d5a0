package chroma

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"keepsake/internal/store"
)

// reachTries is small: on the first contact the operator wants to hear that a
// server is down, not to wait for it.
const reachTries = 3

// abilities are what a server says that it can do.
type abilities struct {
	MaxBatchSize int  `json:"max_batch_size"`
	Base64       bool `json:"supports_base64_encoding"`
}

// reach makes sure that a Chroma with our database answers, in bounded time. Its
// errors are store.ErrUnreachable.
func (s *Server) reach(ctx context.Context) (abilities, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, s.config.ConnectTimeout, silentError{s.config.ConnectTimeout})
	defer cancel()
	can, err := s.introduce(bounded)
	if err == nil {
		err = s.client.findDatabase(bounded, s.config)
	}
	switch {
	case err == nil:
		return can, nil
	case ctx.Err() != nil:
		return can, context.Cause(ctx)
	}
	return can, s.unreachable(err)
}

func (s *Server) unreachable(err error) error {
	err = fmt.Errorf("reach Chroma at %s: %w: %w", s.config.BaseURL, store.ErrUnreachable, err)
	if code := status(err); code == http.StatusUnauthorized || code == http.StatusForbidden {
		return &hinted{err, "the server wants another token: KEEPSAKE_CHROMA_TOKEN, or the config's token file"}
	}
	return err
}

// introduce finds out whether this is a Chroma with API v2, and what it can do.
func (s *Server) introduce(ctx context.Context) (abilities, error) {
	var can abilities
	var beat map[string]json.Number
	err := s.client.ask(ctx, "/api/v2/heartbeat", &beat)
	if _, ok := beat["nanosecond heartbeat"]; err == nil && !ok {
		err = &strangerError{"a heartbeat without its time"}
	}
	if err != nil {
		return can, err
	}
	var version string
	if err := s.client.ask(ctx, "/api/v2/version", &version); err != nil {
		return can, err
	}
	err = s.client.ask(ctx, "/api/v2/pre-flight-checks", &can)
	if status(err) == http.StatusNotFound {
		return abilities{}, nil // nothing is promised
	}
	return can, err
}

// strangerError is an answer that no Chroma gives.
type strangerError struct{ saw string }

func (e *strangerError) Error() string {
	return "what answers is not a Chroma with API v2: " + e.saw
}

// ask gets a small document that every Chroma has, and is careful about who
// answers.
func (c *client) ask(ctx context.Context, path string, out any) error {
	r := request{what: "GET " + path, method: http.MethodGet, path: path, tries: reachTries, first: true}
	const most = 64 << 10
	err := c.do(ctx, r, func(body io.Reader, _ int64) error {
		text, err := io.ReadAll(io.LimitReader(body, most))
		if err != nil {
			return err
		}
		if json.Unmarshal(text, out) != nil {
			return &strangerError{fmt.Sprintf("GET %s gave %s", path, c.secrets.Replace(excerpt(text)))}
		}
		return nil
	})
	var answer *StatusError
	if errors.As(err, &answer) && foreign(answer.Status) {
		return &strangerError{fmt.Sprintf("GET %s gave %v", path, answer)}
	}
	return err
}

// foreign reports whether a status is none that Chroma gives on such a path:
// not being there, or somewhere else.
func foreign(code int) bool {
	return code/100 == 3 || code == http.StatusNotFound || code == http.StatusMethodNotAllowed || code == http.StatusBadRequest
}

// excerpt shows the beginning of what a stranger said.
func excerpt(text []byte) string {
	const most = 80
	words := strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "�")), " ")
	if len(words) > most {
		words = strings.ToValidUTF8(words[:most], "") + "…"
	}
	return fmt.Sprintf("%q", words)
}

// findDatabase makes sure that the database is there: the list of collections of
// one that isn't is empty, and no error.
func (c *client) findDatabase(ctx context.Context, config Config) error {
	r := request{what: "look for database", method: http.MethodGet, path: c.scope, tries: reachTries, first: true}
	err := c.call(ctx, r, nil, nil)
	if status(err) != http.StatusNotFound {
		return err
	}
	return &hinted{
		err:  fmt.Errorf("there is no database %q in tenant %q", config.Database, config.Tenant),
		hint: "check tenant and database; keepsake makes collections, but no databases",
	}
}
