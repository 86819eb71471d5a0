package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// dripping stands in front of a server and hands on the answers to a get of rows in
// eight parts, with a pause between them.
func dripping(t *testing.T, server string) (url string) {
	t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequestWithContext(r.Context(), r.Method, server+r.URL.RequestURI(), r.Body)
		if err != nil {
			panic(err)
		}
		out.Header = r.Header
		answer, err := http.DefaultClient.Do(out)
		if err != nil {
			return
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return
		}
		w.WriteHeader(answer.StatusCode)
		parts := 1
		if len(body) > 1000 {
			parts = 8
		}
		for i := range parts {
			_, _ = w.Write(body[i*len(body)/parts : (i+1)*len(body)/parts])
			w.(http.Flusher).Flush()
			if parts > 1 {
				time.Sleep(300 * time.Millisecond)
			}
		}
	}))
	t.Cleanup(front.Close)
	return front.URL
}
