package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"keepsake/internal/memory"
)

// entry is one line of the audit log. Fields are added, never renamed. There is
// none for the token.
type entry struct {
	Time      string           `json:"time"` // RFC 3339, UTC
	Decision  string           `json:"decision"`
	Operation Operation        `json:"operation"`
	Subsystem memory.Subsystem `json:"subsystem,omitempty"`
	Mode      string           `json:"mode,omitempty"`
	Class     Class            `json:"class"`
	Reason    string           `json:"reason"`
	Target    description      `json:"target"`
	Source    string           `json:"source,omitempty"`
	Policy    string           `json:"policy,omitempty"` // why policy lets it go
	Plan      string           `json:"plan,omitempty"`
}

const (
	decisionAllowed = "allowed"
	decisionRefused = "refused"
)

// record appends the decision as one line, in one write.
func (r Rules) record(req Request, d decision) error {
	if r.Audit == nil || r.Now == nil {
		return ErrNoAudit
	}
	e := entry{
		Time: r.Now().UTC().Format(time.RFC3339Nano), Decision: decisionAllowed, Reason: d.why,
		Operation: req.Operation, Subsystem: req.Subsystem, Mode: req.Mode, Class: d.class,
		Target: d.target.describe(), Source: req.Source, Policy: req.Reason, Plan: req.Confirmation.Agreement.Plan,
	}
	if d.err != nil {
		e.Decision, e.Reason = decisionRefused, oneLine(d.err)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAudit, err)
	}
	line = append(line, '\n')
	n, err := r.Audit.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAudit, err)
	}
	return nil
}

// AuditFile is an audit log on disk. Each Write is one line, appended in one
// call and synced before it returns.
type AuditFile struct {
	file *os.File
}

// OpenAudit opens the log at path for appending, and makes it if need be. A last
// line that a crash left torn is ended, so that the next one stands alone. The
// caller closes it.
func OpenAudit(path string) (*AuditFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	if err := endLine(f); err != nil {
		return nil, errors.Join(fmt.Errorf("open audit log: %w", err), f.Close())
	}
	return &AuditFile{file: f}, nil
}

func endLine(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil {
		return err
	}
	if last[0] == '\n' {
		return nil
	}
	_, err = f.Write([]byte{'\n'})
	return err
}

// Write appends line and syncs it.
func (a *AuditFile) Write(line []byte) (int, error) {
	n, err := a.file.Write(line)
	return n, errors.Join(err, a.file.Sync())
}

// Close closes the log.
func (a *AuditFile) Close() error { return a.file.Close() }
