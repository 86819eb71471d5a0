package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"keepsake/internal/memory"
)

// The codes of findings: stable words, one for each ground. DESIGN.md has the
// table of what each means.
const (
	CodeNoMeta        = "no-meta"
	CodeMetaBad       = "meta-unreadable"
	CodeSealWrong     = "seal-wrong"
	CodeNotOurs       = "no-keepsake-block"
	CodeSumsAlone     = "sums-without-block"
	CodeSumsMissing   = "sums-missing"
	CodeSumsWrong     = "sums-wrong"
	CodeName          = "name-differs"
	CodeEntries       = "too-many-files"
	CodeFolder        = "folder-missing"
	CodeFolderEmpty   = "folder-missing-empty"
	CodeNotRegular    = "not-regular"
	CodeFileMissing   = "file-missing"
	CodeFileSize      = "size-differs"
	CodeFileHash      = "hash-differs"
	CodeFileExtra     = "file-not-named"
	CodeForeign       = "foreign-file"
	CodeNotRestored   = "not-restored"
	CodeReadFailed    = "read-failed"
	CodeRow           = "row-invalid"
	CodeNotJSON       = "line-not-json"
	CodeBlankLine     = "line-blank"
	CodeNodeLate      = "node-after-edge"
	CodeDuplicate     = "id-twice"
	CodeTorn          = "line-torn"
	CodeLineTooLong   = "line-too-long"
	CodeExpansion     = "expands-too-far"
	CodeCompressed    = "compressed-stream"
	CodeRecords       = "records-differ"
	CodeRows          = "rows-differ"
	CodeIncomplete    = "incomplete"
	CodeDimension     = "dimension-differs"
	CodeEmpty         = "empty"
	CodeSalvaged      = "salvaged"
	CodeSalvagedOther = "salvaged-differs"
	CodeSectionFailed = "section-failed"
	CodeLacks         = "lacks"
	CodeWithheld      = "withheld"
	CodeDegraded      = "degraded"
	CodeIndex         = "index-differs"
	CodeIndexIgnored  = "index-ignored"
	CodePassedBy      = "passed-by"
	CodeMore          = "more"
)

// maxRows is how many rows of one file are listed; the rest are counted.
const maxRows = 1000

// findings collects what was seen. Many goroutines may add.
type findings struct {
	mu   sync.Mutex
	all  []memory.Finding
	rows map[string]int // refused rows per file
}

func (f *findings) add(finding memory.Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, finding)
}

// refuseRow reports a row, unless too many of its file were.
func (f *findings) refuseRow(code, file string, line int64, err error) {
	f.mu.Lock()
	if f.rows == nil {
		f.rows = make(map[string]int)
	}
	f.rows[file]++
	n := f.rows[file]
	f.mu.Unlock()
	if n <= maxRows {
		f.refuse(code, file, line, "%v", err)
	}
}

func (f *findings) refuse(code, file string, line int64, format string, args ...any) {
	f.add(memory.Finding{Level: memory.Refusal, Code: code, File: file, Line: line, Message: fmt.Sprintf(format, args...)})
}

func (f *findings) warn(code, file string, line int64, format string, args ...any) {
	f.add(memory.Finding{Level: memory.Warning, Code: code, File: file, Line: line, Message: fmt.Sprintf(format, args...)})
}

// sorted returns the findings: refusals first, then by file and line.
func (f *findings) sorted() []memory.Finding {
	for file, n := range f.rows {
		if n > maxRows {
			f.all = append(f.all, memory.Finding{
				Level: memory.Refusal, Code: CodeMore, File: file,
				Message: fmt.Sprintf("has %d refused rows; the first %d are listed", n, maxRows),
			})
		}
	}
	slices.SortStableFunc(f.all, func(a, b memory.Finding) int {
		return cmp.Or(
			cmp.Compare(rank(a.Level), rank(b.Level)),
			strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
		)
	})
	return f.all
}

func rank(l memory.Level) int {
	return slices.Index([]memory.Level{memory.Refusal, memory.Warning, memory.Note}, l)
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
