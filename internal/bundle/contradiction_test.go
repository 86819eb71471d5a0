package bundle_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/bundle/bundletest"
	"keepsake/internal/catalog"
	"keepsake/internal/memory"
	"keepsake/internal/record"
)

// contradict edits the whole meta after all of it was made to agree, and seals it.
func (b *broken) contradict(edit func(*bundle.Meta)) {
	b.T.Helper()
	meta, err := bundle.ParseMeta(b.Read(bundle.MetaFile))
	if err != nil {
		b.T.Fatal(err)
	}
	edit(meta)
	b.Reseal(meta)
}

// section edits the description of one section, and makes the rest agree.
func (b *broken) section(name memory.Section, edit func(*bundle.SectionMeta)) {
	b.T.Helper()
	b.forge(func(k *bundle.Keepsake) { edit(&k.Sections[indexOf(k, name)]) })
}

func indexOf(k *bundle.Keepsake, name memory.Section) int {
	return slices.IndexFunc(k.Sections, func(s bundle.SectionMeta) bool { return s.Name == name })
}

// rewrite puts rows in the place of a section's, and makes everything agree with
// them: what a Writer would have made of them, had it not judged them.
func (b *broken) rewrite(section memory.Section, rows ...string) {
	b.T.Helper()
	b.Write(payload(section), []byte(strings.Join(append(rows, ""), "\n")))
	n := int64(len(rows))
	b.forge(func(k *bundle.Keepsake) {
		b.unindexed(k, section)
		i := indexOf(k, section)
		s := &k.Sections[i]
		s.Rows, s.Capture.Before, s.Capture.After, s.Capture.Held = n, n, n, n
		k.Files[i].Rows, k.Files[i].Records = n, recordsDigest(b.T, s.Kind, rows)
	})
}

func recordsDigest(t *testing.T, kind memory.Kind, rows []string) string {
	t.Helper()
	var all []string
	var scanner record.Scanner
	for _, row := range rows {
		digest := scanner.LineDigest([]byte(row))
		if kind == memory.Vectors {
			v, err := scanner.Vector([]byte(row))
			if err != nil {
				t.Fatal(err)
			}
			if digest, err = scanner.VectorDigest([]byte(row), v); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, string(digest[:]))
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "")))
	return hex.EncodeToString(sum[:])
}

// drop takes a section's file away, and its line in the list of files.
func (b *broken) drop(k *bundle.Keepsake, section memory.Section) {
	b.T.Helper()
	b.Remove(payload(section))
	b.unindexed(k, section)
	k.Files = slices.DeleteFunc(k.Files, func(f bundle.FileMeta) bool { return f.Path == payload(section) })
}

// sealText seals a meta that is no Meta: keys may come twice.
func (b *broken) sealText(text string) {
	b.T.Helper()
	meta := open(b.T, b.Path).Meta()
	zeros := strings.Repeat("0", 64)
	blank := strings.Replace(text, meta.Keepsake.Seal, zeros, 1)
	data := []byte(strings.Replace(blank, zeros, hash([]byte(blank)), 1))
	b.Write(bundle.MetaFile, data)
	lines := strings.SplitAfter(string(b.Read(bundle.SumsFile)), "\n")
	for i, line := range lines {
		if strings.HasSuffix(line, bundle.MetaFile+"\n") {
			lines[i] = hash(data) + "  " + bundle.MetaFile + "\n"
		}
	}
	b.Write(bundle.SumsFile, []byte(strings.Join(lines, "")))
}

// subsystem gives the summaries to a subsystem of another name.
func (b *broken) subsystem(name string) {
	b.T.Helper()
	section := memory.Section(name + "/any")
	path := bundle.PayloadPath(section, memory.Vectors, sampleTime, bundle.Plain)
	data := b.Read(payload(memory.Summaries))
	b.Remove(payload(memory.Summaries))
	if err := os.MkdirAll(b.File(name), 0o700); err != nil {
		b.T.Fatal(err)
	}
	b.Write(path, data)
	b.forge(func(k *bundle.Keepsake) {
		b.unindexed(k, memory.Summaries)
		k.Sections[2].Name, k.Files[2].Path = section, path
	})
}

// edit replaces a text of the meta, and seals it.
func (b *broken) edit(from, to string) {
	b.T.Helper()
	data := string(b.Read(bundle.MetaFile))
	if !strings.Contains(data, from) {
		b.T.Fatalf("meta has no %q", from)
	}
	b.sealText(strings.Replace(data, from, to, 1))
}

// atTheEnd puts text before the last brace of the meta.
func (b *broken) atTheEnd(text string) {
	b.T.Helper()
	data := string(b.Read(bundle.MetaFile))
	b.sealText(strings.TrimSuffix(strings.TrimSpace(data), "}") + text + "}")
}

// A meta that was sealed with something wrong in it: hashes, sizes and seal are
// right, and yet it contradicts itself, or what lies there.
func TestContradictions(t *testing.T) {
	const meta = "meta-unreadable"
	zeros := "[" + strings.TrimSuffix(strings.Repeat("0,", dimension), ",") + "]"
	memories := payload(memory.Memories)
	good := sample(t)
	for _, c := range []contradiction{
		{"Complete/SectionFailed", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) {
				b.drop(k, memory.Memories)
				k.Sections[1] = bundle.SectionMeta{Name: memory.Memories, Kind: memory.Vectors, Failed: "the server went away"}
			})
		}, meta, "section mc/memory lacks rows"},
		{"Complete/RowsMissing", func(b *broken) {
			b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Missing = 7 })
		}, meta, "section mc/memory lacks rows"},
		{"Complete/RowsUnreadable", func(b *broken) {
			b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Unreadable = []string{"x"} })
		}, meta, "section mc/memory lacks rows"},
		{"Complete/FewerThanHeld", func(b *broken) {
			b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Held = 21 })
		}, meta, "section mc/memory lacks rows"},
		{"Complete/Salvaged", func(b *broken) {
			b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Salvaged = 1 })
		}, meta, "section mc/memory lacks rows or vectors"},
		{"Complete/Suspect", func(b *broken) {
			b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Lineage.Suspect = true })
		}, meta, "section mc/memory is suspect"},
		{"SalvagedInTheFileAlone", func(b *broken) {
			b.rewrite(memory.Memories, `{"id":"a","embedding":null,"metadata":null,"document":null}`)
		}, "salvaged-differs", "1 row has no vector, the meta says 0"},
		{"SalvagedInTheMetaAlone", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Status, k.Sections[1].Capture.Salvaged = bundle.Degraded, 3 })
		}, "salvaged-differs", "0 rows have no vector, the meta says 3"},

		// The incident of a month of bundles: the meta says thousands, the file is empty.
		{"IncidentA/Subsystems", func(b *broken) {
			b.rewrite(memory.Memories)
			b.contradict(func(m *bundle.Meta) { m.Subsystems.MC.Memories.Exported = 18835 })
		}, meta, "subsystems do not count"},
		{"Subsystems/Absent", func(b *broken) {
			b.contradict(func(m *bundle.Meta) { m.Subsystems.KB = nil })
		}, meta, "subsystems do not count"},
		{"Subsystems/Copied", func(b *broken) {
			b.contradict(func(m *bundle.Meta) { *m.Subsystems.Concepts.Copied = 3 })
		}, meta, "subsystems do not count"},
		{"Integrity/Fail", func(b *broken) {
			b.contradict(func(m *bundle.Meta) { m.Integrity[0].Status = bundle.Fail })
		}, meta, "integrity does not follow"},
		{"Integrity/Count", func(b *broken) {
			b.contradict(func(m *bundle.Meta) { m.Integrity[1].SourceCount++ })
		}, meta, "integrity does not follow"},
		{"Integrity/Absent", func(b *broken) {
			b.contradict(func(m *bundle.Meta) { m.Integrity = m.Integrity[:2] })
		}, meta, "integrity does not follow"},

		{"Nothing", func(b *broken) {
			for _, p := range sampleParts() {
				b.Remove(payload(p.spec.Name))
			}
			b.forge(func(k *bundle.Keepsake) { k.Sections, k.Files = nil, nil })
		}, meta, "names no section"},

		{"Kind/LinesInMC", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) {
				k.Sections[1].Kind = memory.Lines
				k.Files[1].Path = "mc/memory.jsonl"
				if err := os.Rename(b.File(memories), b.File("mc/memory.jsonl")); err != nil {
					b.T.Fatal(err)
				}
			})
		}, meta, `is of kind "lines"`},
		{"Kind/VectorsInGraph", func(b *broken) {
			b.section(memory.Graph, func(s *bundle.SectionMeta) { s.Kind = memory.Vectors })
		}, meta, `is of kind "vectors"`},
		{"Kind/GraphInKB", func(b *broken) {
			b.section(memory.KnowledgeBase, func(s *bundle.SectionMeta) { s.Kind = memory.Elements })
		}, meta, `is of kind "graph"`},
		{"Kind/VectorsInConcepts", func(b *broken) { b.section("concepts/edges", func(s *bundle.SectionMeta) { s.Kind = memory.Vectors }) }, meta, `is of kind "vectors"`},
		{"Kind/OpaqueInMC", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) {
				k.Sections = slices.Delete(k.Sections, 1, 2)
				k.Files[1].Kind, k.Files[1].Records = bundle.OpaqueFile, ""
			})
		}, meta, "is no stream of records"},
		{"Subsystem/UpperCase", func(b *broken) { b.subsystem("KB") }, meta, "is no subsystem"},
		{"Subsystem/Hidden", func(b *broken) { b.subsystem(".hidden") }, meta, "is no subsystem"},

		{"NotCanonical/Order", func(b *broken) {
			b.rewrite(memory.Summaries, `{"id":"a","embedding":`+zeros+`,"document":null,"metadata":null}`)
		}, "row-invalid", "is not canonical"},
		{"NotCanonical/LeftOut", func(b *broken) {
			b.rewrite(memory.Summaries, `{"id":"a","embedding":`+zeros+`,"metadata":null}`)
		}, "row-invalid", "is not canonical"},
		{"NotCanonical/Space", func(b *broken) {
			b.rewrite(memory.Summaries, `{"id":"a","embedding":`+zeros+`,"metadata":null, "document":null}`)
		}, "row-invalid", "is not canonical"},
		{"NotCanonical/SpaceAtTheEnd", func(b *broken) {
			b.rewrite(memory.Summaries, `{"id":"a","embedding":`+zeros+`,"metadata":null,"document":null}`+"\r")
		}, "row-invalid", "is not canonical"},
		{"NotCanonical/SpaceInTheEmbedding", func(b *broken) {
			b.rewrite(memory.Summaries, `{"id":"a","embedding":`+strings.Replace(zeros, ",", ",\t", 1)+`,"metadata":null,"document":null}`)
		}, "row-invalid", "is not canonical"},
		{"NotCanonical/SpaceInTheMetadata", func(b *broken) {
			b.rewrite(memory.Summaries, `{"id":"a","embedding":`+zeros+`,"metadata":{"a":[1, 2]},"document":null}`)
		}, "row-invalid", "is not canonical"},
		{"NotCanonical/MetadataOrder", func(b *broken) {
			b.rewrite(memory.Summaries, `{"id":"a","embedding":`+zeros+`,"metadata":{"b":1,"a":2},"document":null}`)
		}, "row-invalid", "is not canonical"},
		{"NotCanonical/KeyEscaped", func(b *broken) {
			b.rewrite(memory.Summaries, `{"\u0069d":"a","embedding":`+zeros+`,"metadata":null,"document":null}`)
		}, "row-invalid", "is not canonical"},

		{"NotJSON/PastTheEnd", func(b *broken) {
			b.section("concepts/edges", func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{2, 2}} })
		}, meta, "notJson"},
		{"NotJSON/EveryLineThereCouldBe", func(b *broken) {
			b.section("concepts/edges", func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{1, 1 << 62}} })
		}, meta, "notJson"},
		{"NotJSON/Zero", func(b *broken) {
			b.section("concepts/edges", func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{0, 1}} })
		}, meta, "notJson"},
		{"NotJSON/Backwards", func(b *broken) {
			b.section("concepts/nodes", func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{3, 2}} })
		}, meta, "notJson"},
		{"NotJSON/Twice", func(b *broken) {
			b.section("concepts/nodes", func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{2, 2}, {2, 2}} })
		}, meta, "notJson"},
		{"NotJSON/OfVectors", func(b *broken) {
			b.section(memory.Memories, func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{1, 1}} })
		}, meta, "notJson"},
		{"NotJSON/OfTheMailbox", func(b *broken) {
			b.section(memory.MailboxSentToCull, func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{1, 1}} })
		}, meta, "notJson"},
		{"NotJSON/IsJSON", func(b *broken) {
			b.section("concepts/edges", func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{1, 1}} })
		}, "line-not-json", "is a JSON object, the meta says that it is none"},
		{"NotJSON/IsJSONInARun", func(b *broken) {
			b.section("concepts/nodes", func(s *bundle.SectionMeta) { s.NotJSON = bundle.Ranges{{2, 3}} })
		}, "line-not-json", "is a JSON object, the meta says that it is none"},
		{"SumsAreAFolder", func(b *broken) {
			b.Remove(bundle.SumsFile)
			if err := os.Mkdir(b.File(bundle.SumsFile), 0o700); err != nil {
				b.T.Fatal(err)
			}
		}, "not-regular", "is a folder"},
		{"FailedWithRows", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) {
				b.drop(k, memory.Memories)
				k.Status = bundle.Degraded
				k.Sections[1].Failed = "the server went away"
			})
		}, meta, "failed and yet has 20 rows"},
		{"Capture/Before", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Before = -1 }) }, meta, "below zero"},
		{"Capture/After", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.After = -1 }) }, meta, "below zero"},
		{"Capture/Held", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Held = -1 }) }, meta, "below zero"},
		{"Capture/Added", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Added = -1 }) }, meta, "below zero"},
		{"Capture/Removed", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Removed = -1 }) }, meta, "below zero"},
		{"Capture/Missing", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Missing = -1 }) }, meta, "below zero"},
		{"Capture/Unsettled", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Unsettled = -1 }) }, meta, "below zero"},
		{"Capture/Salvaged", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.Salvaged = -1 }) }, meta, "below zero"},
		{"Capture/TornBytes", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Capture.TornBytes = -1 }) }, meta, "below zero"},
		{"Distance", func(b *broken) { b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Distance = "banana" }) }, meta, `distance "banana"`},
		{"MemoryID", func(b *broken) { b.forge(func(k *bundle.Keepsake) { k.MemoryID = "" }) }, meta, "names no memory"},
		{"Place", func(b *broken) { b.forge(func(k *bundle.Keepsake) { k.Place = &memory.Place{Machine: "m"} }) }, meta, "a place without a folder"},
		{"MaybeSameAs", func(b *broken) { b.forge(func(k *bundle.Keepsake) { k.MaybeSameAs = "x" }) }, meta, "nobody knows whether it is of memory x"},
		{"Collection/Metadata", func(b *broken) {
			b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Collection.Metadata = memory.RawJSON(`[1]`) })
		}, meta, "metadata is no object"},
		{"Collection/Schema", func(b *broken) {
			b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Collection.Schema = memory.RawJSON(`"x"`) })
		}, meta, "schema is no object"},
		{"Collection/Configuration", func(b *broken) {
			b.section(memory.Memories, func(s *bundle.SectionMeta) { s.Collection.Configuration = memory.RawJSON(`1`) })
		}, meta, "configuration is no object"},

		{"KeyTwice/Block", func(b *broken) { b.atTheEnd(`, "keepsake": null`) }, meta, `key "keepsake" comes twice`},
		{"KeyTwice/BlockInAnotherCase", func(b *broken) {
			b.forge(func(k *bundle.Keepsake) { k.Status = bundle.Degraded })
			b.atTheEnd(`, "KEEPSAKE": {"status": "complete"}`)
		}, meta, `key "KEEPSAKE" comes twice`},
		{"KeyTwice/Folded", func(b *broken) { b.atTheEnd(", \"\u212aeep\u017fake\": null") }, meta, "comes twice"},
		{"KeyTwice/Escaped", func(b *broken) { b.atTheEnd(`, "\u006beepsake": null`) }, meta, "comes twice"},
		{"KeyTwice/InTheBlock", func(b *broken) {
			b.edit(`"status": "complete",`, `"status": "complete", "Status": "complete",`)
		}, meta, `key "Status" comes twice`},
		{"KeyTwice/InASection", func(b *broken) { b.edit(`"rows": 30,`, `"rows": 30, "rows": 30,`) }, meta, `key "rows" comes twice`},
		{"KeyTwice/InSubsystems", func(b *broken) { b.edit(`"kb": {`, `"KB": {}, "kb": {`) }, meta, `key "kb" comes twice`},
	} {
		t.Run(c.name, func(t *testing.T) { c.refused(t, good) })
	}
}

// contradiction is a way to make a good bundle contradict itself, and what is said
// of it.
type contradiction struct {
	name      string
	do        func(*broken)
	code, why string
}

// refused checks that a copy of a good bundle is refused for it.
func (c contradiction) refused(t *testing.T, good string) {
	t.Helper()
	b := broke(t, copyOf(t, good))
	c.do(b)
	before := bundletest.State(t, b.Path)
	report := verify(t, b.Path, bundle.Full)
	if !slices.ContainsFunc(report.Findings, func(f memory.Finding) bool {
		return f.Level == memory.Refusal && f.Code == c.code && strings.Contains(f.Message, c.why)
	}) {
		t.Errorf("refusals are %v, want %s that says %q\nfindings %v", codes(report.Findings, memory.Refusal), c.code, c.why, report.Findings)
	}
	listed, err := catalog.List(filepath.Dir(b.Path))
	if err != nil {
		t.Fatal(err)
	}
	if fault := listed.Bundles[0].Fault(); c.code == "meta-unreadable" && fault == "" {
		t.Error("the catalog calls it good")
	}
	if got := bundletest.State(t, b.Path); got != before {
		t.Error("looking at the bundle changed it")
	}
}

// What a later version may add is no contradiction: a subsystem of its own, its
// counts, keys that nobody knows, and names of others' that differ in case only.
func TestLaterVersions(t *testing.T) {
	b := broke(t, sample(t))
	b.subsystem("temporal-summaries")
	b.edit(`"integrity": [`, `"integrity": [{"subsystem":"temporal-summaries","status":"pass","sourceCount":5,"bundleCount":5},`)
	b.edit(`"subsystems": {`, `"subsystems": {"temporal-summaries": {"count": 5},`)
	b.edit(`"made_by":`, `"Made_By": 1, "made_by":`)
	b.edit(`"format": 2,`, `"format": 2, "later": {"a": 1},`)
	report := verify(t, b.Path, bundle.Full)
	if report.Refused() {
		t.Errorf("refused: %v", report.Findings)
	}
	if got := len(collect(t, open(t, b.Path), "temporal-summaries/any")); got != 5 {
		t.Errorf("%d rows, want 5", got)
	}
}
