package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"keepsake/internal/memory"
)

// Level is how thoroughly a bundle is verified.
type Level string

// The levels. Quick holds names, sizes and hashes against the meta; Full looks
// at every row as well.
const (
	Quick Level = "quick"
	Full  Level = "full"
)

// VerifyOptions tune Verify. The zero value is the strict one.
type VerifyOptions struct {
	// AllowEmpty makes a warning of kb, mc or graph without rows in a bundle that
	// has no meta to say that they were empty.
	AllowEmpty bool
	// IgnoreIndexes makes a warning of an index that is damaged or doesn't fit its
	// payload: who reads the payload alone can go on.
	IgnoreIndexes bool
	// Hint says what the operator can do about a finding, by its code.
	Hint memory.Hints
	// Progress is told, from several goroutines, of rows and bytes (as they lie
	// on disk) that were looked at since the last call. It may be nil.
	Progress func(section memory.Section, rows, bytes int64)
}

// Report is what Verify saw.
type Report struct {
	Path     string           `json:"path"`
	Name     string           `json:"name"`
	Level    Level            `json:"level"`
	Sealed   bool             `json:"sealed"`
	Sections []SectionReport  `json:"sections"`
	Findings []memory.Finding `json:"findings"`
	// Lacks is what the bundle is known not to hold. It verifies all the same: what
	// it holds is what was made.
	Lacks []Lack `json:"lacks,omitempty"`
}

// SectionReport is what was seen of one section.
type SectionReport struct {
	Name      memory.Section `json:"name"`
	Kind      memory.Kind    `json:"kind"`
	Rows      int64          `json:"rows"`
	Bytes     int64          `json:"bytes"`     // of its files on disk
	Dimension int            `json:"dimension"` // 0 when none was seen
	Salvaged  int64          `json:"salvaged"`  // rows without their vector
	Files     []string       `json:"files"`
}

// Refused reports whether the bundle must not be used.
func (r *Report) Refused() bool { return memory.Refused(r.Findings) }

// Verify looks at the whole bundle and reports all that is wrong with it; it
// never stops at the first. It changes nothing. An error means that it could not
// look: ctx ended, or the directory can't be read.
func (b *Bundle) Verify(ctx context.Context, level Level, opts VerifyOptions) (*Report, error) {
	root, err := os.OpenRoot(b.path)
	if err != nil {
		return nil, fmt.Errorf("verify bundle: %w", err)
	}
	defer root.Close()
	t, err := scan(root, b.limits)
	if err != nil {
		return nil, fmt.Errorf("verify bundle: %w", err)
	}
	v := &verifier{bundle: b, root: root, tree: t, seen: &sight{tree: t}, level: level, opts: opts}
	v.findings.all = append(v.findings.all, t.findings...)
	v.meta()
	v.folders()
	v.names()
	v.sums()
	sections, err := v.sections(ctx)
	if err != nil {
		return nil, fmt.Errorf("verify bundle: %w", err)
	}
	v.counts(sections)
	if b.block() == nil {
		b.seen.Store(v.seen)
	}
	return &Report{
		Path: b.path, Name: b.Name(), Level: level, Sealed: b.Sealed(),
		Sections: sections, Findings: v.findings.sorted(), Lacks: b.Lacks(),
	}, nil
}

// verifier is one run of Verify.
type verifier struct {
	bundle   *Bundle
	root     *os.Root
	tree     *tree
	seen     *sight
	level    Level
	opts     VerifyOptions
	findings findings
}

// meta reports what is wrong with the meta itself.
func (v *verifier) meta() {
	b := v.bundle
	f := &v.findings
	switch {
	case b.metaErr != nil:
		f.refuse(CodeMetaBad, MetaFile, 0, "%v", b.metaErr)
	case b.meta == nil:
		f.add(memory.Finding{
			Level: memory.Warning, Code: CodeNoMeta,
			Message: "has no " + MetaFile + ": an older bundle, or what is left of one; nothing says what it should hold, or which topology it came from",
			Hint:    "look at the rows of each section before you rely on it",
		})
	case b.block() == nil:
		f.add(memory.Finding{
			Level: memory.Note, Code: CodeNotOurs, File: MetaFile,
			Message: "was not made by keepsake: it has counts, but no hashes",
		})
	case b.sealErr != nil:
		f.refuse(CodeSealWrong, MetaFile, 0, "%v: the meta was changed after it was written", b.sealErr)
	}
	if b.meta != nil && b.meta.Timestamp != "" && strings.HasPrefix(b.Name(), Prefix) &&
		b.Name() != Prefix+b.meta.Timestamp {
		f.warn(CodeName, MetaFile, 0, "is of %s%s, the directory is named %s", Prefix, b.meta.Timestamp, b.Name())
	}
	if b.block() != nil {
		v.block()
	}
}

// block says aloud what the keepsake block owns up to.
func (v *verifier) block() {
	k := v.bundle.block()
	if k.Status == Degraded {
		v.findings.warn(CodeDegraded, MetaFile, 0, "the bundle is degraded: it does not hold all that it should")
	}
	v.lacks()
	for _, s := range k.Sections {
		if len(s.Withheld) > 0 {
			v.findings.add(memory.Finding{
				Level: memory.Warning, Code: CodeWithheld, Section: s.Name,
				Message: "secrets were left out of the collection's description: " + strings.Join(s.Withheld, ", "),
				Hint:    "set them again after a restore",
			})
		}
	}
}

// folders reports required folders that are missing. One that the meta says was
// empty may have been lost in a copy.
func (v *verifier) folders() {
	for _, sub := range memory.Subsystems() {
		if v.tree.folders[string(sub)] || sub == memory.Mailbox {
			continue
		}
		if v.bundle.declaredEmpty(sub) {
			v.findings.warn(CodeFolderEmpty, string(sub), 0, "folder is missing; it was empty when the bundle was made")
		} else {
			v.findings.refuse(CodeFolder, string(sub), 0, "folder is missing")
		}
	}
}

// declaredEmpty reports whether the meta says that a subsystem has no files.
func (b *Bundle) declaredEmpty(sub memory.Subsystem) bool {
	if b.meta == nil {
		return false
	}
	if k := b.block(); k != nil {
		for _, f := range k.Files {
			if strings.HasPrefix(f.Path, string(sub)+"/") {
				return false
			}
		}
		return true
	}
	c := b.meta.Subsystems.counts(sub)
	return c != nil && (c.Count != nil && *c.Count == 0 || c.Copied != nil && *c.Copied == 0)
}

// names holds the files that lie there against those that the meta names.
func (v *verifier) names() {
	named := map[string]bool{MetaFile: true, SumsFile: true}
	if k := v.bundle.block(); k != nil {
		for _, f := range k.Files {
			named[f.Path] = true
			size, there := v.tree.files[f.Path]
			if f.Kind == IndexFile {
				v.indexName(&f, size, there)
				continue
			}
			switch {
			case !there:
				v.findings.refuse(CodeFileMissing, f.Path, 0, "is missing")
			case size != f.Bytes:
				v.findings.refuse(CodeFileSize, f.Path, 0, "has %d bytes, the meta says %d", size, f.Bytes)
			}
		}
	}
	for _, name := range v.tree.names() {
		if !named[name] {
			v.unnamed(name)
		}
	}
}

func (v *verifier) unnamed(name string) {
	_, _, known := knownPayload(name) // an index holds nothing that could be restored
	switch {
	case isForeign(name):
		v.findings.warn(CodeForeign, name, 0, "was put there by a file manager; it is ignored")
	case v.bundle.block() != nil:
		v.findings.refuse(CodeFileExtra, name, 0, "is not named by the meta")
	case !known && !isIndex(name):
		v.findings.warn(CodeNotRestored, name, 0, "is nothing that keepsake knows; it will not be restored")
	}
}

// isForeign knows the droppings of file managers, which no one put there on
// purpose and nothing reads.
func isForeign(name string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
	return base == ".DS_Store" || base == "Thumbs.db" || base == "desktop.ini"
}

// sums compares SHA256SUMS with what the meta makes of it, to the byte.
func (v *verifier) sums() {
	got, err := readSmall(v.root, SumsFile, v.bundle.limits.Meta)
	k := v.bundle.block()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if k != nil {
			v.findings.warn(CodeSumsMissing, SumsFile, 0, "is missing; the meta has the same hashes")
		}
	case v.tree.folders[SumsFile]:
		v.findings.refuse(CodeNotRegular, SumsFile, 0, "is a folder, not a regular file")
	case errors.Is(err, errNotRegular): // reported by the scan
	case err != nil:
		v.findings.refuse(CodeReadFailed, SumsFile, 0, "%v", err)
	case k == nil:
		v.findings.refuse(CodeSumsAlone, SumsFile, 0,
			"is there, but the meta has no keepsake block: it was changed or replaced after the bundle was made")
	case string(got) != sums(v.bundle.raw, k.Files):
		v.findings.refuse(CodeSumsWrong, SumsFile, 0, "does not agree with the meta")
	}
}

// sections looks at every payload, two sections at a time.
func (v *verifier) sections(ctx context.Context) ([]SectionReport, error) {
	layout := v.bundle.layout(v.tree)
	reports := make([]SectionReport, len(layout))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i := range layout {
		group.Go(func() error {
			s := &sectionVerifier{verifier: v, section: &layout[i], report: &reports[i]}
			return s.run(ctx)
		})
	}
	for _, f := range v.bundle.sectionless(layout) {
		group.Go(func() error { _, err := v.opaque(ctx, f); return err })
	}
	for _, f := range v.bundle.indexes() {
		group.Go(func() error { return v.indexHash(ctx, f) })
	}
	return reports, group.Wait()
}
