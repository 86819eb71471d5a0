package cli_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"keepsake/internal/memory"
)

// typed runs a command as a process of its own on a terminal and types an answer
// at its question, if it asks one. It returns what the terminal showed and what
// went to standard output.
func (a *agent) typed(answer string, args ...string) (r result, asked bool) {
	a.t.Helper()
	ours, theirs := openTerminal(a.t)
	cmd := exec.CommandContext(a.t.Context(), "keepsake", args...)
	cmd.Dir, cmd.Env = a.home, os.Environ()
	for name, value := range a.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, &out, theirs
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	_ = theirs.Close() // the process has its own
	var shown strings.Builder
	buffer := make([]byte, 1024)
	for {
		n, err := ours.Read(buffer)
		shown.Write(buffer[:n])
		if !asked && strings.Contains(shown.String(), "anything else to leave it: ") {
			asked = true
			if _, err := ours.WriteString(answer); err != nil {
				a.t.Fatal(err)
			}
		}
		if err != nil { // EIO: the last who had the terminal open has ended
			break
		}
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		a.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), strings.ReplaceAll(shown.String(), "\r\n", "\n")}, asked
}

// openTerminal opens both ends of a new terminal.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine gives no terminals: ", err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	fd := int(ours.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// TestReplaceOnATerminal: a person may type the target's name instead of copying a
// token. Both factors are asked for all the same, and only a person is asked.
func TestReplaceOnATerminal(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph, memory.TrajectoryLog)
	want := a.digests()
	bundle := a.backup("--only", "graph,trajectories")
	a.sql("DELETE FROM Edges WHERE rowid % 3 = 0")
	changed := a.digests()
	args := []string{"restore", bundle, "--mode", "replace", "--force", "--accept-shrink"}
	one := append(slices.Clone(args), "--only", "graph")
	const name, question = "memory-core-graph.sqlite", "Type memory-core-graph.sqlite to replace it, anything else to leave it: "

	a.sub("NoEnvironment", func(t *testing.T) {
		r, asked := a.typed(name+"\n", one...)
		if r.code != 7 || asked {
			t.Errorf("got exit code %d, asked %v, want 7 and no question\n%s", r.code, asked, r.stderr)
		}
		says(t, r.stderr, "the environment does not allow destroying production")
	})
	for title, answer := range map[string]string{
		"WrongName": "memory-core-graph\n", "OtherCase": strings.ToUpper(name) + "\n", "Nothing": "\n", "Yes": "yes\n",
		"Padded": " " + name + "\n", "EndOfInput": "\x04",
	} {
		a.sub(title, func(t *testing.T) {
			a.allows()
			r, asked := a.typed(answer, one...)
			if r.code != 7 || !asked {
				t.Errorf("got exit code %d, asked %v, want 7 and a question\n%s", r.code, asked, r.stderr)
			}
			says(t, r.stderr, question, "nothing was touched")
			says(t, r.stdout, "A replace now, by ", "graph/graph is production")
			sameDigests(t, a.digests(), changed)
			if got := len(tree(t, a.data(".keepsake", "restores"))); got != 0 {
				t.Errorf("got %d files of a restore, want none", got)
			}
		})
	}
	a.sub("NobodyThere", func(t *testing.T) { // standard input is no terminal
		a.allows()
		r := a.must(7, one...)
		silent(t, r.stdout+r.stderr, "Type ")
		says(t, r.stderr, "no token confirms the plan")
	})
	a.sub("JSON", func(t *testing.T) {
		a.allows()
		if r, asked := a.typed(name+"\n", append(one, "--json")...); asked || r.code != 7 {
			t.Errorf("got exit code %d, asked %v, want 7 and no question", r.code, asked)
		}
	})
	a.sub("RightName", func(t *testing.T) {
		a.allows()
		r, asked := a.typed(name+"\n", one...)
		if r.code != 0 || !asked {
			t.Fatalf("got exit code %d, asked %v, want 0 and a question\n%s", r.code, asked, r.stderr)
		}
		says(t, r.stdout, "replaced the memory")
		sameDigests(t, a.digests(), want)
	})
	a.sub("Undo", func(t *testing.T) {
		a.allows()
		if r, asked := a.typed(name+"\n", "undo"); r.code != 0 || !asked {
			t.Fatalf("got exit code %d, asked %v, want 0 and a question\n%s", r.code, asked, r.stderr)
		}
		sameDigests(t, a.digests(), changed)
	})
	a.sub("SeveralTargets", func(t *testing.T) {
		a.allows()
		r, asked := a.typed("everything\n", args...)
		if r.code != 0 || !asked {
			t.Fatalf("got exit code %d, asked %v, want 0 and a question\n%s", r.code, asked, r.stderr)
		}
		says(t, r.stderr, "Type everything to replace it")
		sameDigests(t, a.digests(), want)
	})
}
