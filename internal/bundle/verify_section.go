package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"keepsake/internal/index"
	"keepsake/internal/memory"
)

// sectionVerifier looks at the files of one section, one after the other.
type sectionVerifier struct {
	*verifier
	section *sectionFiles
	report  *SectionReport
	checker *checker
	notJSON Ranges
	late    int64 // nodes behind an edge
	spoiled bool  // a row or a file was refused
	broken  bool  // a file is missing, or could not be read to its end
}

func (s *sectionVerifier) run(ctx context.Context) error {
	spec := &s.section.spec
	*s.report = SectionReport{Name: spec.Name, Kind: spec.Kind, Files: []string{}}
	if spec.Kind == memory.Opaque {
		return s.opaqueFile(ctx)
	}
	s.checker = newChecker(spec.Name, spec.Kind, spec.Dimension, s.section.declared != nil)
	if indexed := s.indexed(); indexed != nil {
		s.checker.index = index.NewBuilder(spec.Kind, index.Options{})
		defer s.checker.index.Close()
	}
	for _, f := range s.section.files {
		if _, there := s.tree.files[f.path]; !there {
			s.broken = true // reported among the names
			continue
		}
		s.report.Files = append(s.report.Files, f.path)
		if err := s.file(ctx, f); err != nil {
			return err
		}
	}
	s.report.Dimension, s.report.Salvaged = s.checker.dimension, s.checker.salvaged
	if s.level != Full {
		s.report.Dimension = spec.Dimension
		return nil
	}
	return s.conclude(ctx)
}

// file reads one payload to its end.
func (s *sectionVerifier) file(ctx context.Context, f payloadFile) error {
	look := s.bundle.blocks.look(f.path)
	p, err := openPayload(s.root, f.path, f.compression, s.bundle.limits, s.level == Full, look.note)
	if err != nil {
		s.unreadable(f, 0, err)
		return nil
	}
	defer p.close()
	rows, err := s.lines(ctx, p, f)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.unreadable(f, rows+1, err)
	}
	if err := p.drain(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.unreadable(f, 0, err)
		return nil
	}
	look.keep()
	s.progress(rows%progressRows, p.raw.bytes)
	s.report.Rows += rows
	s.report.Bytes += p.raw.bytes
	s.compareFile(f, p, rows, err == nil)
	return nil
}

// progressRows is how often progress is told of and ctx asked, in rows.
const progressRows = 256

func (s *sectionVerifier) progress(rows, bytes int64) {
	if s.opts.Progress != nil {
		s.opts.Progress(s.section.spec.Name, rows, bytes)
	}
}

// lines counts the rows of a file, and judges them when all is to be looked at.
// An error is one that the rest of the file can't be read for.
func (s *sectionVerifier) lines(ctx context.Context, p *payload, f payloadFile) (rows int64, err error) {
	if s.level != Full {
		return s.count(ctx, p, f)
	}
	for {
		line, err := p.line()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows++
		if rows%progressRows == 0 {
			if err := ctx.Err(); err != nil {
				return rows, err
			}
			s.progress(progressRows, 0)
		}
		s.row(f, rows, line)
	}
}

// count counts the rows of a file; of a compressed one the hash says it all.
func (s *sectionVerifier) count(ctx context.Context, p *payload, f payloadFile) (rows int64, err error) {
	if f.meta != nil && f.compression != Plain {
		rows = f.meta.Rows
	} else {
		rows, err = p.count(ctx)
	}
	s.progress(rows-rows%progressRows, 0)
	return rows, err
}

// row judges one row.
func (s *sectionVerifier) row(f payloadFile, n int64, line []byte) {
	err := s.checker.row(line)
	switch {
	case err == nil:
	case errors.Is(err, errNodeLate):
		s.late++
	case !errors.Is(err, errNotJSON):
		s.spoiled = true
		s.findings.refuseRow(CodeRow, f.path, n, err)
	case f.meta != nil:
		s.notJSON = s.notJSON.add(n)
		if _, declared := s.section.declared.NotJSON.find(n); !declared {
			s.findings.refuseRow(CodeNotJSON, f.path, n, err)
		}
	case isBlank(line): // a copy of a file that somebody edited
		s.findings.warn(CodeBlankLine, f.path, n, "is blank")
	default:
		s.findings.refuseRow(CodeNotJSON, f.path, n, err)
	}
}

// unreadable reports why a file could not be read on.
func (s *sectionVerifier) unreadable(f payloadFile, line int64, err error) {
	s.broken = true
	code := CodeReadFailed
	switch {
	case errors.Is(err, errLineTooLong):
		code = CodeLineTooLong
	case errors.Is(err, errExpansion):
		code = CodeExpansion
	case f.compression != Plain:
		code = CodeCompressed
	}
	s.findings.refuse(code, f.path, line, "%v", err)
}

// compareFile holds a file that was read to its end against the meta.
func (s *sectionVerifier) compareFile(f payloadFile, p *payload, rows int64, whole bool) {
	if f.meta == nil {
		s.seen.set(f.path, p.raw.sum())
		return
	}
	if sum := p.raw.sum(); sum != f.meta.SHA256 {
		s.spoiled = true
		s.findings.refuse(CodeFileHash, f.path, 0, "SHA-256 is %s, the meta says %s", sum, f.meta.SHA256)
	}
	if whole && rows != f.meta.Rows {
		s.spoiled = true
		s.findings.refuse(CodeRows, f.path, 0, "has %d rows, the meta says %d", rows, f.meta.Rows)
	}
	if whole && p.lines.torn {
		s.findings.refuse(CodeTorn, f.path, rows, "has no newline at its end")
	}
	if whole && s.level == Full {
		if got := s.checker.digests.sum(); got != f.meta.Records {
			s.spoiled = true
			s.findings.refuse(CodeRecords, f.path, 0, "records' digest is %s, the meta says %s", got, f.meta.Records)
		}
	}
}

// conclude looks at the section as a whole.
func (s *sectionVerifier) conclude(ctx context.Context) error {
	name := s.section.spec.Name
	if n := s.checker.salvaged; n > 0 {
		s.findings.add(memory.Finding{
			Level: memory.Warning, Code: CodeSalvaged, Section: name,
			Message: plural(n, "row has", "rows have") + " no vector, and can't be put into Chroma: " + FewOf(s.checker.vectorless, n),
		})
	}
	if n := s.notJSON.Count(); n > 0 {
		s.findings.add(memory.Finding{
			Level: memory.Warning, Code: CodeNotJSON, Section: name,
			Message: plural(n, "line is", "lines are") + " no JSON object, as when the bundle was made",
		})
	}
	if n := s.late; n > 0 {
		s.findings.add(memory.Finding{
			Level: memory.Warning, Code: CodeNodeLate, Section: name,
			Message: plural(n, "node comes", "nodes come") + " after an edge; a bundle has all nodes first",
		})
	}
	if declared := s.section.declared; declared != nil && !s.broken {
		s.compareSection(declared)
	}
	if suspects := s.checker.ids.suspects(); suspects != nil {
		return s.duplicates(ctx, suspects)
	}
	return s.compareIndex()
}

// compareSection holds what the rows are together against the meta.
func (s *sectionVerifier) compareSection(declared *SectionMeta) {
	refuse := func(code, format string, args ...any) {
		s.findings.add(memory.Finding{
			Level: memory.Refusal, Code: code, Section: declared.Name, Message: fmt.Sprintf(format, args...),
		})
	}
	if declared.Dimension == 0 && s.checker.dimension != 0 {
		refuse(CodeDimension, "embeddings have %d numbers, the meta says that there are none", s.checker.dimension)
	}
	if got, want := s.checker.salvaged, declared.Capture.Salvaged; got != want {
		refuse(CodeSalvagedOther, "%s no vector, the meta says %d", plural(got, "row has", "rows have"), want)
	}
	for _, run := range declared.NotJSON {
		if line := s.notJSON.missing(run); line > 0 {
			s.findings.refuseRow(CodeNotJSON, s.section.files[0].path, line, errIsJSON)
		}
	}
}

var errIsJSON = errors.New("is a JSON object, the meta says that it is none")

// duplicates reads the section once more, to say which ids come twice.
func (s *sectionVerifier) duplicates(ctx context.Context, suspects map[uint64]bool) error {
	t := &twice{checker: s.checker, suspects: suspects}
	for _, f := range s.section.files {
		if _, there := s.tree.files[f.path]; !there {
			continue
		}
		err := eachLine(ctx, s.root, f, s.bundle.limits, func(n int64, line []byte) error {
			if err := t.row(line); err != nil {
				s.findings.refuseRow(CodeDuplicate, f.path, n, err)
			}
			return nil
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		_ = err // the file couldn't be read on, as was reported the first time
	}
	return nil
}

// eachLine calls do for each line of a payload, counted from 1.
func eachLine(ctx context.Context, root *os.Root, f payloadFile, limits Limits, do func(n int64, line []byte) error) error {
	p, err := openPayload(root, f.path, f.compression, limits, true, nil)
	if err != nil {
		return err
	}
	defer p.close()
	for n := int64(1); ; n++ {
		line, err := p.line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = do(n, line)
		}
		if err == nil && n%256 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}
