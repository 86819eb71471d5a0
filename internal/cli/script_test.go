package cli_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"keepsake/internal/store/chroma/chromatest"
)

// TestScripts runs testdata/script: each behaviour and each text that an
// operator may search for. Its own commands are:
//
//	ends CODE ARG...   runs keepsake, which has to end with that exit code
//	chroma             points KEEPSAKE_KB_CHROMA at an empty database of a real one
//	notchroma          points it at a server that isn't one
//	hangs              points it at a server that never answers
//	token              puts the "token" of the last output into TOKEN
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ends": ends,
			"chroma": func(ts *testscript.TestScript, _ bool, _ []string) {
				s := chromatest.Shared(t)
				ts.Setenv("KEEPSAKE_KB_CHROMA", server{Server: s, database: s.Database(t)}.store())
				ts.Setenv("NEO_CHROMA_UNIFIED", "true")
			},
			"notchroma": func(ts *testscript.TestScript, _ bool, _ []string) {
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = w.Write([]byte("<html>a web page</html>"))
				}))
				ts.Defer(s.Close)
				ts.Setenv("KEEPSAKE_KB_CHROMA", "chroma:"+s.URL)
				ts.Setenv("NEO_CHROMA_UNIFIED", "true")
			},
			"token": func(ts *testscript.TestScript, _ bool, _ []string) {
				var plan struct{ Token string }
				ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &plan))
				ts.Setenv("TOKEN", plan.Token)
			},
			"hangs": func(ts *testscript.TestScript, _ bool, _ []string) {
				l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
				ts.Check(err)
				ts.Defer(func() { _ = l.Close() })
				ts.Setenv("KEEPSAKE_KB_CHROMA", "chroma:http://"+l.Addr().String())
				ts.Setenv("NEO_CHROMA_UNIFIED", "true")
			},
		},
	})
}

func ends(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec("keepsake", args[1:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run keepsake: %v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("keepsake %v: got exit code %d, want %d", args[1:], got, want)
	}
}
