package chromatest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func (s *Server) logSize() int64 {
	info, err := os.Stat(s.log)
	if err != nil {
		return 0
	}
	return info.Size()
}

// showLog prints the warnings and errors that the server logged from an offset
// on, if the test failed.
func (s *Server) showLog(t testing.TB, from int64) {
	t.Helper()
	if !t.Failed() {
		return
	}
	text, err := os.ReadFile(s.log)
	if err != nil || from >= int64(len(text)) {
		return
	}
	var said []string
	for entry := range strings.SplitSeq(colour.ReplaceAllString(string(text[from:]), ""), "\n\n") {
		if trouble.MatchString(entry) {
			said = append(said, entry)
		}
	}
	const most = 20
	said = said[max(0, len(said)-most):]
	if len(said) > 0 {
		t.Logf("the server's log:\n%s", strings.Join(said, "\n\n"))
	}
}

// trouble is what is worth showing of the log.
var trouble = regexp.MustCompile(`WARN|ERROR|panick`)

// colour is what makes the server's log readable on a terminal only.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")
