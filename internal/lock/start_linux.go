package lock

import (
	"os"
	"strconv"
	"strings"
)

// StartOf says when a process started, as an opaque word: on Linux the clock
// ticks since boot of proc(5). "" when there is no such process, when it has ended
// and only its parent hasn't asked how, or when the system doesn't say.
func StartOf(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The second field is a name in parentheses, which may hold anything.
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const start = 22 - 3 // of what begins with the third
	if len(fields) <= start || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[start]
}
