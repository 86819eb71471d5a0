package chromatest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Fault is what a proxy does to one request. The zero Fault does nothing. Of
// Reset, Status and the rest the first that is set is done.
type Fault struct {
	// Forward lets the server handle the request before the fault: the work is
	// done and the client does not hear of it.
	Forward bool
	// Hang holds the request until its client gives up; Delay, for a while.
	Hang  bool
	Delay time.Duration
	// Reset ends the connection with no answer.
	Reset bool
	// Status is answered instead of the server, with Text and Retry-After in
	// seconds, if it is more than "".
	Status     int
	Text       string
	RetryAfter string
	// Rewrite changes the server's answer: DropRow, RepeatRow, and so on.
	Rewrite func(body []byte) ([]byte, error)
	// Cut ends the connection after half of the answer.
	Cut bool
}

// wait reports false if the client or the proxy went away meanwhile.
func (f Fault) wait(ctx, closing context.Context) bool {
	if !f.Hang && f.Delay == 0 {
		return true
	}
	var over <-chan time.Time
	if !f.Hang {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return true
	case <-ctx.Done():
	case <-closing.Done():
	}
	return false
}

func (f Fault) answer(w http.ResponseWriter) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	text := f.Text
	if text == "" {
		text = fmt.Sprintf(`{"error":"ChromaError","message":%q}`, http.StatusText(f.Status))
	}
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, text)
}

func (f Fault) modify(answer *http.Response) error {
	if f.Rewrite == nil && !f.Cut {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if f.Rewrite != nil {
		if body, err = f.Rewrite(body); err != nil {
			return err
		}
	}
	setBody(answer, body)
	if f.Cut {
		half := io.LimitReader(answer.Body, int64(len(body)/2))
		answer.Body = io.NopCloser(io.MultiReader(half, cutReader{}))
	}
	return nil
}

// cutReader makes the proxy abort a connection in the middle of a body.
type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, http.ErrAbortHandler }

// DropRow leaves row i out of the answer to a get.
func DropRow(i int) func([]byte) ([]byte, error) {
	return rows(func(column []json.RawMessage) []json.RawMessage {
		if i >= len(column) {
			return column
		}
		return append(column[:i:i], column[i+1:]...)
	})
}

// RepeatRow has the answer to a get give row i twice.
func RepeatRow(i int) func([]byte) ([]byte, error) {
	return rows(func(column []json.RawMessage) []json.RawMessage {
		if i >= len(column) {
			return column
		}
		return append(column, column[i])
	})
}

// Instead answers with a body of the test's own.
func Instead(body string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return []byte(body), nil }
}

// CountOf answers a count with n.
func CountOf(n int) func([]byte) ([]byte, error) { return Instead(strconv.Itoa(n)) }

// rows changes each column of the answer to a get alike.
func rows(change func([]json.RawMessage) []json.RawMessage) func([]byte) ([]byte, error) {
	return func(body []byte) ([]byte, error) {
		var page map[string]json.RawMessage
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, fmt.Errorf("decode page: %w", err)
		}
		for _, name := range []string{"ids", "embeddings", "documents", "metadatas", "uris"} {
			var column []json.RawMessage
			if err := json.Unmarshal(page[name], &column); err != nil || column == nil {
				continue // absent or null
			}
			changed, err := json.Marshal(change(column))
			if err != nil {
				return nil, err
			}
			page[name] = changed
		}
		return json.Marshal(page)
	}
}
