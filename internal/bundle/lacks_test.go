package bundle_test

import (
	"errors"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// What a bundle lacks is named in words that fit a sentence: files of one source
// together.
func TestTrue_02_LacksAreNamed(t *testing.T) {
	row := func(name memory.Section, what bundle.Lacking, rows int64) bundle.Lack {
		return bundle.Lack{Section: name, What: what, Rows: rows}
	}
	for want, lacks := range map[string][]bundle.Lack{
		"": nil,
		"kb/knowledge-base (300 rows) and mc/memory":                {row("kb/knowledge-base", bundle.LackSection, 300), row("mc/memory", bundle.LackSection, -1)},
		"1 row of mc/memory and the vectors of 2 rows of mc/memory": {row("mc/memory", bundle.LackRows, 1), row("mc/memory", bundle.LackVectors, 2)},
		"what is damaged of mc/memory":                              {row("mc/memory", bundle.LackDamage, -1)},
		"a/1, a/2, a/3, a/4, a/5, a/6 and 1 more":                   {row("a/1", bundle.LackSection, -1), row("a/2", bundle.LackSection, -1), row("a/3", bundle.LackSection, -1), row("a/4", bundle.LackSection, -1), row("a/5", bundle.LackSection, -1), row("a/6", bundle.LackSection, -1), row("a/7", bundle.LackSection, -1)},
	} {
		if got := bundle.Name(lacks); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTrue_02_VerifyNamesWhatTheMetaOwnsUpTo(t *testing.T) {
	failed := bundle.FailedSection(memory.SectionSpec{Name: "notes/a.md", Kind: memory.Opaque}, memory.Capture{}, errors.New("gone"))
	also := bundle.FailedSection(memory.SectionSpec{Name: "notes/b.md", Kind: memory.Opaque}, memory.Capture{}, errors.New("gone"))
	path, err := write(options(t, t.TempDir()), sampleParts(), func(m *bundle.Meta) {
		k := m.Keepsake
		k.Status, k.Sections[1].Capture.Unreadable = bundle.Degraded, []string{"lost"}
		k.Sections = append(k.Sections, failed, also)
	})
	if err != nil {
		t.Fatal(err)
	}
	report := verify(t, path, bundle.Quick)
	if report.Refused() || len(report.Lacks) != 3 {
		t.Fatalf("got %v, lacks %+v, want three", report.Findings, report.Lacks)
	}
	if got, want := bundle.Name(report.Lacks), "1 row of "+string(report.Lacks[0].Section)+" and 2 files of notes"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	codes := map[string]int{}
	for _, f := range report.Findings {
		codes[f.Code]++
	}
	if codes[bundle.CodeSectionFailed] != 2 || codes[bundle.CodeLacks] != 1 {
		t.Errorf("got %v, want each lack among the findings", report.Findings)
	}
}
