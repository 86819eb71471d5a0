package chromatest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// shared is the one server of a test binary. It is the only state that this
// package keeps: starting a server for each test would cost a second each.
var shared struct {
	sync.Mutex
	server *Server
	dir    string
}

// Runner is what a *testing.M is.
type Runner interface{ Run() int }

// Main runs the tests of a binary and ends its shared server. Each test binary
// that calls Shared has
//
//	func TestMain(m *testing.M) { chromatest.Main(m) }
func Main(m Runner) int { return Wrap(m).Run() }

// Wrap returns a runner that ends the shared server after m has run, for those
// that hand their *testing.M on.
func Wrap(m Runner) Runner { return wrapped{m} }

type wrapped struct{ Runner }

func (w wrapped) Run() int {
	defer stopShared()
	return w.Runner.Run()
}

// Shared returns the server that all tests of a binary share; the first call
// starts it. A test works in a Database of its own and must not kill it.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		startShared(t)
	}
	s := shared.server
	from := s.logSize()
	t.Cleanup(func() { s.showLog(t, from) })
	return s
}

func startShared(t testing.TB) {
	t.Helper()
	path := command(t, false)
	dir, err := os.MkdirTemp("", "chromatest-") //nolint:usetesting // outlives the test
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(path, filepath.Join(dir, "data"), filepath.Join(dir, "chroma.log"))
	if err != nil {
		_ = os.RemoveAll(dir)
		t.Fatal(err)
	}
	shared.server, shared.dir = s, dir
}

func stopShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		return
	}
	shared.server.Kill()
	_ = os.RemoveAll(shared.dir) // a temporary directory, nothing depends on it
	shared.server = nil
}
