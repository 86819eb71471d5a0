// Package chromatest runs the real Chroma for tests: a server of a test's own,
// or one that a whole test binary shares, and a proxy in front of it that makes
// the faults that a network and a busy server make. scripts/chroma.sh sets the
// server up; where it is not, tests skip, or fail with KEEPSAKE_REQUIRE_CHROMA=1.
package chromatest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

const startTimeout = 30 * time.Second

// Server is a running Chroma. Its methods are for one goroutine.
type Server struct {
	command string
	dir     string
	log     string
	port    int
	life    *life
}

// life is one process, from its start to its end.
type life struct {
	process *os.Process
	ended   chan struct{}
}

type options struct {
	dir string
	old bool
}

// Option says how a server is started.
type Option func(*options)

// Dir gives the server a data directory, which it may hold already.
func Dir(path string) Option { return func(o *options) { o.dir = path } }

// Old starts the oldest server that keepsake is tested with (bindings 1.0.1).
func Old() Option { return func(o *options) { o.old = true } }

// Start runs a server until the test ends, on a free loopback port and with a
// data directory of the test's own. It has answered a heartbeat when Start
// returns. Its log is shown when the test fails.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	s, err := start(command(t, o.old), o.dir, filepath.Join(t.TempDir(), "chroma.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		s.showLog(t, 0)
	})
	return s
}

// start tries more than one port: another process may take the free one first.
func start(command, dir, log string) (*Server, error) {
	var err error
	for range 3 {
		s := &Server{command: command, dir: dir, log: log}
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = s.launch(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// URL is the server's address, without a slash at its end. It outlives Restart.
func (s *Server) URL() string { return "http://127.0.0.1:" + strconv.Itoa(s.port) }

// PID is the server's process.
func (s *Server) PID() int { return s.life.process.Pid }

// Dir is the server's persist directory.
func (s *Server) Dir() string { return s.dir }

// Kill ends the server with SIGKILL, which is the only signal that it heeds, and
// waits until it is gone. It may be called twice.
func (s *Server) Kill() {
	_ = s.life.process.Kill() // it may have ended by itself
	<-s.life.ended
}

// Restart starts the server again on the same port and directory.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Kill()
	if err := s.launch(); err != nil {
		t.Fatal(err)
	}
}

// launch starts the process and waits for its heartbeat.
func (s *Server) launch() error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open server log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(s.command, "run", "--path", s.dir, "--host", "127.0.0.1", "--port", strconv.Itoa(s.port))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	l := &life{ended: make(chan struct{})}
	go l.run(cmd, started)
	if err := <-started; err != nil {
		return fmt.Errorf("start Chroma: %w", err)
	}
	s.life = l
	if err := s.await(); err != nil {
		s.Kill()
		text, _ := os.ReadFile(s.log)
		return fmt.Errorf("start Chroma: %w\n%s", err, text)
	}
	return nil
}

// run starts a process and waits for its end on one thread, because Linux ends
// the child with the thread that started it, not with the process.
func (l *life) run(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(l.ended)
	err := cmd.Start()
	l.process = cmd.Process
	started <- err
	if err == nil {
		_ = cmd.Wait() // it was killed
	}
}

func (s *Server) await() error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(startTimeout)
	defer late.Stop()
	for {
		select {
		case <-s.life.ended:
			return errors.New("the server ended at once")
		case <-late.C:
			return fmt.Errorf("no heartbeat within %v", startTimeout)
		case <-tick.C:
		}
		if answer, err := client.Get(s.URL() + "/api/v2/heartbeat"); err == nil {
			_ = answer.Body.Close() // a heartbeat holds nothing
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("find free port: %v is no TCP address", l.Addr())
	}
	return addr.Port, nil
}
