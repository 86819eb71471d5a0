package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// formatVersion is Keepsake.Format of the bundles that this package writes. Format 2
// has indexes, and may have files of kinds that came later.
const formatVersion = 2

// ErrSeal says that a meta's bytes are not those that were sealed.
var ErrSeal = errors.New("seal is wrong")

// ParseMeta reads a bundle-meta.json of ours, of Neo.mjs, or an older one.
// Unknown fields are ignored. A keepsake block must be whole and agree with
// itself; whether its seal is right is CheckSeal's question.
func ParseMeta(data []byte) (*Meta, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("parse meta: not UTF-8")
	}
	if len(bytes.TrimSpace(data)) == 0 || bytes.TrimSpace(data)[0] != '{' {
		return nil, errors.New("parse meta: want a JSON object")
	}
	m, err := decodeMeta(data)
	if err != nil {
		return nil, fmt.Errorf("parse meta: %w", err)
	}
	if err := distinctKeys(data, m.Keepsake != nil); err != nil {
		return nil, fmt.Errorf("parse meta: %w", err)
	}
	if m.Keepsake == nil {
		return m, nil
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("parse meta: %w", err)
	}
	return m, nil
}

// CheckSeal returns ErrSeal when the bytes of a meta are not those that its seal
// was made of, or when it has none.
func CheckSeal(data []byte) error {
	span, ok := sealSpan(data)
	if !ok {
		return fmt.Errorf("%w: there is none", ErrSeal)
	}
	blank := bytes.Clone(data)
	claimed := string(blank[span.Start:span.End])
	copy(blank[span.Start:span.End], zeroSeal())
	sum := sha256.Sum256(blank)
	if hex.EncodeToString(sum[:]) != claimed {
		return ErrSeal
	}
	return nil
}

// sealSpan finds the 64 digits of the seal.
func sealSpan(data []byte) (record.Span, bool) {
	if record.Valid(data) != nil {
		return record.Span{}, false
	}
	span, ok := record.Lookup(data, "keepsake", "seal")
	if !ok || span.End-span.Start != 2+hex.EncodedLen(sha256.Size) || data[span.Start] != '"' {
		return record.Span{}, false
	}
	return record.Span{Start: span.Start + 1, End: span.End - 1}, true
}

func zeroSeal() string { return strings.Repeat("0", hex.EncodedLen(sha256.Size)) }

// encode prints the meta with its seal.
func (m *Meta) encode() ([]byte, error) {
	m.Keepsake.Seal = zeroSeal()
	compact, err := marshal(m)
	if err != nil {
		return nil, fmt.Errorf("marshal meta: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("indent meta: %w", err)
	}
	b.WriteByte('\n')
	data := b.Bytes()
	span, ok := sealSpan(data)
	if !ok {
		return nil, fmt.Errorf("seal meta: %w", ErrSeal)
	}
	sum := sha256.Sum256(data)
	m.Keepsake.Seal = hex.EncodeToString(sum[:])
	copy(data[span.Start:span.End], m.Keepsake.Seal)
	return data, nil
}

// validate says what in a meta with a keepsake block can't be.
func (m *Meta) validate() error {
	k := m.Keepsake
	if _, err := ParseTimestamp(m.Timestamp); err != nil {
		return err
	}
	switch {
	case k.Format > formatVersion:
		return fmt.Errorf("format %d is newer than this program, which reads %d", k.Format, formatVersion)
	case k.Format < 1:
		return fmt.Errorf("format %d is unknown", k.Format)
	case k.Reason != ReasonBackup && k.Reason != ReasonPreRestore && k.Reason != ReasonRescue:
		return fmt.Errorf("reason %q is unknown", k.Reason)
	case k.Status != Complete && k.Status != Degraded:
		return fmt.Errorf("status %q is unknown", k.Status)
	case k.MemoryID == "":
		return errors.New("names no memory")
	case k.Place != nil && k.Place.DataDir == "":
		return errors.New("names a place without a folder")
	case k.MaybeSameAs != "" && k.Status == Complete:
		return fmt.Errorf("is complete, and yet nobody knows whether it is of memory %s", k.MaybeSameAs)
	case k.Sequence < 0:
		return fmt.Errorf("sequence %d is below zero", k.Sequence)
	}
	if err := errors.Join(k.validateCovers(), k.validateUnits(), k.validateNamed()); err != nil {
		return err
	}
	files, err := m.validateFiles()
	if err != nil {
		return err
	}
	if err := m.validateSections(files); err != nil {
		return err
	}
	return m.agree()
}

// validateFiles returns the files by path.
func (m *Meta) validateFiles() (map[string]*FileMeta, error) {
	files := make(map[string]*FileMeta)
	for i := range m.Keepsake.Files {
		f := &m.Keepsake.Files[i]
		if err := f.validate(m.Keepsake.Format); err != nil {
			return nil, err
		}
		if files[f.Path] != nil {
			return nil, fmt.Errorf("file %q is named twice", f.Path)
		}
		files[f.Path] = f
	}
	return files, nil
}

func (f *FileMeta) validate(format int) error {
	if err := checkPath(f.Path); err != nil {
		return err
	}
	folder, _, inFolder := strings.Cut(f.Path, "/")
	switch {
	case !inFolder:
		return fmt.Errorf("file %q is in no folder", f.Path)
	case format < 2 && f.Kind != RecordsFile && f.Kind != OpaqueFile:
		return fmt.Errorf("file %q: kind %q is unknown", f.Path, f.Kind)
	case !f.Kind.known() && f.NeededBy != "":
		return fmt.Errorf("file %q is of kind %q, which is newer than this program, and section %s needs it", f.Path, f.Kind, f.NeededBy)
	case f.Kind != RecordsFile && slices.Contains(folders(), folder):
		return fmt.Errorf("file %q: is no stream of records, as all in %s are", f.Path, folder)
	case f.Bytes < 0 || f.Rows < 0:
		return fmt.Errorf("file %q: a count is below zero", f.Path)
	case !isDigest(f.SHA256):
		return fmt.Errorf("file %q: sha256 is no SHA-256", f.Path)
	case f.Kind == RecordsFile && !isDigest(f.Records):
		return fmt.Errorf("file %q: records is no SHA-256", f.Path)
	}
	return nil
}

// validateSections checks that each section has its one file, where no other can
// lie, and each records file its section.
func (m *Meta) validateSections(files map[string]*FileMeta) error {
	seen := make(map[memory.Section]bool)
	var taken apart
	for i := range m.Keepsake.Sections {
		s := &m.Keepsake.Sections[i]
		if err := checkSection(s.Name); err != nil {
			return err
		}
		if seen[s.Name] {
			return fmt.Errorf("section %q is named twice", s.Name)
		}
		seen[s.Name] = true
		if m.Keepsake.Format > 1 && reserved(s.Name.Subsystem()) {
			return fmt.Errorf("section %q: %w", s.Name, errReserved)
		}
		if err := s.validate(); err != nil {
			return err
		}
		file, err := m.sectionFile(s, files)
		if err != nil {
			return fmt.Errorf("section %q: %w", s.Name, err)
		}
		if file == nil {
			continue
		}
		delete(files, file.Path)
		if err := taken.take(s.Name, mayLie(s.Name, s.Kind, m.Timestamp)); err != nil {
			return fmt.Errorf("section %q: %w", s.Name, err)
		}
	}
	for path, f := range files {
		if f.Kind == RecordsFile {
			return fmt.Errorf("file %q belongs to no section", path)
		}
	}
	return nil
}

// sectionFile returns the file that holds a section, nil for one that failed.
func (m *Meta) sectionFile(s *SectionMeta, files map[string]*FileMeta) (*FileMeta, error) {
	var file *FileMeta
	for _, path := range mayLie(s.Name, s.Kind, m.Timestamp) {
		f := files[path]
		if f == nil || f.Kind != fileKind(s.Kind) {
			continue
		}
		if file != nil {
			return nil, errors.New("has more than one file")
		}
		file = f
	}
	switch {
	case s.Failed != "" && file != nil:
		return nil, errors.New("failed and yet has a file")
	case s.Failed != "":
		return nil, nil
	case file == nil:
		return nil, errors.New("has no file")
	case file.Rows != s.Rows:
		return nil, fmt.Errorf("has %d rows, its file %d", s.Rows, file.Rows)
	case s.Kind == memory.Opaque && file.Records != "":
		return nil, errors.New("is opaque, and yet its file has a digest of records")
	case s.Kind == memory.Opaque && file.Bytes == 0 && file.Rows > 0:
		return nil, fmt.Errorf("has %d rows, and its file no byte", file.Rows)
	}
	return file, nil
}

func isDigest(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && strings.ToLower(s) == s
}
