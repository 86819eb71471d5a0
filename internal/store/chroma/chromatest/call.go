package chromatest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"
)

// Tenant is the tenant in which Database makes its databases.
const Tenant = "default_tenant"

// Database makes a database for one test and returns its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "test-" + uuid.NewString()
	s.Call(t, http.MethodPost, "/api/v2/tenants/"+Tenant+"/databases", map[string]string{"name": name}, nil)
	return name
}

// Collections is the path of the collections of a database of Tenant.
func Collections(database string) string {
	return "/api/v2/tenants/" + Tenant + "/databases/" + database + "/collections"
}

// Call sends in as JSON and decodes the answer into out. Either may be nil. An
// answer other than 2xx fails the test.
func (s *Server) Call(t testing.TB, method, path string, in, out any) {
	t.Helper()
	status, body := s.Try(t, method, path, in)
	if status/100 != 2 {
		t.Fatalf("%s %s: %d: %s", method, path, status, body)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(body, out); err != nil {
		t.Fatalf("%s %s: decode answer: %v", method, path, err)
	}
}

// Try sends in as JSON, or as it is when it is bytes, and returns the answer.
func (s *Server) Try(t testing.TB, method, path string, in any) (status int, body []byte) {
	t.Helper()
	sent, raw := in.([]byte)
	if !raw && in != nil {
		var err error
		if sent, err = json.Marshal(in); err != nil {
			t.Fatal(err)
		}
	}
	request, err := http.NewRequest(method, s.URL()+path, bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}

// NoLeaks fails the test if it leaves goroutines behind, those that wait for a
// server aside. Call it first, so that it looks last.
func NoLeaks(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		goleak.VerifyNone(t, before,
			goleak.IgnoreAnyFunction("keepsake/internal/store/chroma/chromatest.(*life).run"))
	})
}
