package cli_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"

	"keepsake/internal/store/chroma/chromatest"
)

// moment is when a process is killed: at the n-th of the requests that count,
// before the server sees it, or after it has answered and nobody heard of it.
type moment struct {
	n     int
	after bool
}

func (m moment) String() string {
	if m.after {
		return fmt.Sprintf("killed after request %d was answered", m.n)
	}
	return fmt.Sprintf("killed before request %d", m.n)
}

// reaper stands between keepsake and Chroma, and kills a process at a moment.
type reaper struct {
	*agent

	mu     sync.Mutex
	victim *victim
	counts func(chromatest.Request) bool
	at     moment
	seen   int
	last   string // the request that it was killed at, "" before
}

// victim is a process.
type victim struct {
	*exec.Cmd

	out   bytes.Buffer
	ended chan struct{}
	err   error // once it has ended
}

// killable puts a reaper in front of the agent's server: its own commands and
// those of processes beside have to find the memory at the same address. Both
// have the machine's clock.
func (a *agent) killable() *reaper {
	a.t.Helper()
	r := &reaper{agent: a}
	a.behind(&a.kb, r.decide)
	a.realTime = true
	return r
}

// forget loses everything but the bundles. The server keeps its address.
func (r *reaper) forget() {
	r.t.Helper()
	front := r.kb.front
	r.agent.forget()
	r.kb.front = front
	r.point()
}

// decide is for the proxy. What a dead process had sent and the server had not
// seen is lost.
func (r *reaper) decide(req chromatest.Request) chromatest.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.victim == nil:
		return chromatest.Fault{}
	case r.last != "":
		return chromatest.Fault{Reset: true}
	case !r.counts(req):
		return chromatest.Fault{}
	}
	if r.seen++; r.seen < r.at.n {
		return chromatest.Fault{}
	}
	r.last = req.Method + " " + req.Op
	v := r.victim
	if !r.at.after {
		v.kill()
		return chromatest.Fault{Reset: true}
	}
	return chromatest.Fault{Rewrite: func(body []byte) ([]byte, error) {
		v.kill()
		return body, nil
	}}
}

// kill returns when the process is gone.
func (v *victim) kill() {
	_ = v.Process.Kill()
	<-v.ended
}

// killed runs a command in a process of its own that is killed at a moment, and
// says at which request that was; "" when it came to its end before.
func (r *reaper) killed(at moment, counts func(chromatest.Request) bool, args ...string) string {
	r.t.Helper()
	v := &victim{Cmd: exec.CommandContext(r.t.Context(), "keepsake", args...), ended: make(chan struct{})}
	v.Dir, v.Env = r.home, os.Environ()
	for name, value := range r.env {
		v.Env = append(v.Env, name+"="+value)
	}
	v.Stdout, v.Stderr = &v.out, &v.out
	r.mu.Lock()
	r.victim, r.at, r.counts, r.seen, r.last = v, at, counts, 0, ""
	err := v.Start()
	r.mu.Unlock()
	if err != nil {
		r.t.Fatal(err)
	}
	v.err = v.Wait()
	close(v.ended)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.victim = nil
	if r.last == "" && v.err != nil || r.last != "" && v.ProcessState.ExitCode() >= 0 {
		r.t.Fatalf("keepsake %s, to be %s: got %v\n%s", strings.Join(args, " "), at, v.ProcessState, v.out.Bytes())
	}
	return r.last
}

// writes reports whether a request changes anything on the server.
func writes(r chromatest.Request) bool {
	switch r.Method {
	case http.MethodGet:
		return false
	case http.MethodPost: // "get" and "count" are asked for so as well
		return r.Op == "collections" || r.Op == "add" || r.Op == "delete"
	}
	return true
}

// every counts all requests.
func every(chromatest.Request) bool { return true }
