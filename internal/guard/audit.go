package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keepsake/internal/atomicfile"
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

// RenameAudit gives the log at old the name path. Where a log has that name, the
// old one's lines come to stand before its own. No line is lost wherever this
// ends, and none is there twice once it was run to its end. The caller keeps
// others from both. A log that isn't there is no error.
func RenameAudit(old, path string) error { return renameAudit(atomicfile.System{}, old, path) }

func renameAudit(fsys atomicfile.FS, old, path string) error {
	was, err := os.ReadFile(old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fsys.RenameNoReplace(old, path)
	}
	if errors.Is(err, fs.ErrExist) {
		err = putBefore(fsys, was, path)
		if err == nil {
			err = fsys.RemoveAll(old)
		}
	}
	if err == nil {
		err = fsys.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("rename audit log %s to %s: %w", old, filepath.Base(path), err)
	}
	return nil
}

// putBefore puts the lines of was before those of the log at path, but for those
// that it begins with already: they are of a run that ended before it had removed
// the old log. Each line has its moment in it, so equal lines are one.
func putBefore(fsys atomicfile.FS, was []byte, path string) error {
	now, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := len(was); n > 0 && was[n-1] != '\n' {
		was = append(was, '\n')
	}
	same := 0
	for same < len(was) {
		end := same + bytes.IndexByte(was[same:], '\n') + 1
		if !bytes.HasPrefix(now[same:], was[same:end]) {
			break
		}
		same = end
	}
	if same == len(was) {
		return nil
	}
	return atomicfile.WriteFileOn(fsys, path, append(was, now[same:]...), 0o600)
}

// Write appends line and syncs it.
func (a *AuditFile) Write(line []byte) (int, error) {
	n, err := a.file.Write(line)
	return n, errors.Join(err, a.file.Sync())
}

// Close closes the log.
func (a *AuditFile) Close() error { return a.file.Close() }
