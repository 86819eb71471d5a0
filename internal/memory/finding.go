package memory

import "strconv"

// Level grades a finding.
type Level string

// The levels. A Refusal stops what was about to be done.
const (
	Note    Level = "note"
	Warning Level = "warning"
	Refusal Level = "refusal"
)

// Finding is one thing that a check saw.
type Finding struct {
	Level Level `json:"level"`
	// Code is a stable word for the kind of finding: "hash-mismatch".
	Code    string  `json:"code"`
	Section Section `json:"section,omitempty"`
	// File is relative to what was checked; Line counts from 1, 0 is the whole file.
	File    string `json:"file,omitempty"`
	Line    int64  `json:"line,omitempty"`
	Message string `json:"message"`
	// Hint says what the operator can do about it.
	Hint string `json:"hint,omitempty"`
}

// String returns "file:line: message".
func (f Finding) String() string {
	switch {
	case f.File != "" && f.Line > 0:
		return f.File + ":" + strconv.FormatInt(f.Line, 10) + ": " + f.Message
	case f.File != "":
		return f.File + ": " + f.Message
	case f.Section != "":
		return string(f.Section) + ": " + f.Message
	}
	return f.Message
}

// Refused reports whether any of the findings is a refusal.
func Refused(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == Refusal {
			return true
		}
	}
	return false
}

// Hints says by a code what the operator can do, in the words of whoever asks: which
// flags and commands there are, a command line knows alone. About is what stands in
// them. A nil Hints says nothing.
type Hints func(code string, about ...string) string

// Of returns the hint of a code, "" when nobody knows one.
func (h Hints) Of(code string, about ...string) string {
	if h == nil {
		return ""
	}
	return h(code, about...)
}
