package bundle_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepsake/internal/bundle"
	"keepsake/internal/memory"
)

// The oldest bundles must be read for ever. The first two were written by the first
// version of format 1, the third by the first that knew opaque sections and extra
// folders; nothing below testdata/format-1 is ever written again.
func TestOldestBundles(t *testing.T) {
	for _, c := range []struct {
		name, seal string
		warnings   []string
		records    map[memory.Section]string // the hash of an opaque file
	}{
		{
			"backup-2026-11-22T22-41-33.610Z", "97d67759f85ca2d0a47ee6e101551580ecc7cae3a68348e8ff99aa0a3e8ab51f",
			[]string{"degraded bundle-meta.json", "line-not-json", "node-after-edge", "salvaged", "withheld"},
			map[memory.Section]string{
				memory.Graph:             "349c580f81e7245c0daebc6fbf24eb1dac8b36f5b3c118e278a2144c4b81dd74",
				memory.Memories:          "92c21453eda2a388fc9a1d0964e9ee8abe68b11f45b762fafcaec48e081cf049",
				memory.Summaries:         "1610020955bbd9fc0ea824925a9b5d6426cec762619ee949276dc32056c5ff8a",
				memory.KnowledgeBase:     "e289fbba037c0139cc60a9ae540e148adb133ba39cb77e31ae9994cc374ccc79",
				"concepts/nodes":         "e2ca789260bbb0e03909fc1cd505a62d14a63d9e15046201977d42a10aaa6667",
				"concepts/edges":         "df172f89c922ba68ec6d6512405a4cfbdd810739c382293c8049a18b91f6a069",
				memory.TrajectoryLog:     "5c57ef20e217673929be496882ac9e790d82843c5de6fb00ac8c87622124dc07",
				memory.MailboxSentToCull: "846b61abad7149c6a4ccf571db27bd86a879e9ad4e6702a00d94afc6dd35e741",
			},
		},
		{
			"backup-2026-11-22T23-41-33.610Z", "3a85a767b3282e147b442c133aa553e5976c0ae09ed46ce573181cb2bba2bdf8",
			[]string{"line-not-json"},
			map[memory.Section]string{
				memory.Graph:             "fda66d8745cd1f5fb6b477d9d7701caedf46eb11fe60112b63844f68431b5151",
				memory.Memories:          "18cd708128cb39ca0d2cbf60f5be19d391951ea775716e5e408a3d051640a151",
				memory.Summaries:         "1610020955bbd9fc0ea824925a9b5d6426cec762619ee949276dc32056c5ff8a",
				memory.KnowledgeBase:     "e289fbba037c0139cc60a9ae540e148adb133ba39cb77e31ae9994cc374ccc79",
				"concepts/nodes":         "e2ca789260bbb0e03909fc1cd505a62d14a63d9e15046201977d42a10aaa6667",
				"concepts/edges":         "df172f89c922ba68ec6d6512405a4cfbdd810739c382293c8049a18b91f6a069",
				memory.TrajectoryLog:     "5c57ef20e217673929be496882ac9e790d82843c5de6fb00ac8c87622124dc07",
				memory.MailboxSentToCull: "846b61abad7149c6a4ccf571db27bd86a879e9ad4e6702a00d94afc6dd35e741",
			},
		},
		{
			"backup-2026-11-28T08-00-00.000Z", "50956e0762049c2188d3dcf653638ca4be75943ac185f0fb5397763ea439df32",
			[]string{"line-not-json"},
			map[memory.Section]string{
				memory.Graph:               "fda66d8745cd1f5fb6b477d9d7701caedf46eb11fe60112b63844f68431b5151",
				memory.Memories:            "18cd708128cb39ca0d2cbf60f5be19d391951ea775716e5e408a3d051640a151",
				memory.Summaries:           "1610020955bbd9fc0ea824925a9b5d6426cec762619ee949276dc32056c5ff8a",
				memory.KnowledgeBase:       "e289fbba037c0139cc60a9ae540e148adb133ba39cb77e31ae9994cc374ccc79",
				"concepts/nodes":           "e2ca789260bbb0e03909fc1cd505a62d14a63d9e15046201977d42a10aaa6667",
				"concepts/edges":           "df172f89c922ba68ec6d6512405a4cfbdd810739c382293c8049a18b91f6a069",
				memory.TrajectoryLog:       "5c57ef20e217673929be496882ac9e790d82843c5de6fb00ac8c87622124dc07",
				memory.MailboxSentToCull:   "846b61abad7149c6a4ccf571db27bd86a879e9ad4e6702a00d94afc6dd35e741",
				"state/app.db":             "68a6f5f094534c7de9f033130d2121c80a4b46f565997ecba98e48aaebcd5f79",
				"notes/2026/plan.md":       "70bd19c992efee82ea1e8b8d88538088c19f2cbb97abaf31f007a6c423badb8c",
				"notes/log":                "8931dc18f9f1f2c4302649e231c4cbdfdd90f54998a5a45b6989aadebd496262",
				"notes/empty.txt":          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
				"agents/settings.jsonl.gz": "7084a6e5c770e563bbe53769218679a5953b57a9e133abf9ef2526e69556d2ea",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join("testdata", "format-1", c.name)
			report := verify(t, path, bundle.Full)
			if report.Refused() || !report.Sealed {
				t.Errorf("sealed %t, findings %v", report.Sealed, report.Findings)
			}
			if got := codes(report.Findings, memory.Warning); !slices.Equal(got, c.warnings) {
				t.Errorf("warnings are %v, want %v", got, c.warnings)
			}
			b := open(t, path)
			k := b.Meta().Keepsake
			if k.Seal != c.seal {
				t.Errorf("seal is %s, want %s", k.Seal, c.seal)
			}
			for i, s := range k.Sections {
				rows := collect(t, b, s.Name)
				if s.Kind == memory.Opaque {
					if got := hash([]byte(strings.Join(rows, ""))); got != c.records[s.Name] || k.Files[i].SHA256 != got {
						t.Errorf("%s: hash is %s, want %s", s.Name, got, c.records[s.Name])
					}
					continue
				}
				if got := k.Files[i].Records; got != c.records[s.Name] {
					t.Errorf("%s: digest is %s, want %s", s.Name, got, c.records[s.Name])
				}
				if int64(len(rows)) != s.Rows {
					t.Errorf("%s: %d rows, want %d", s.Name, len(rows), s.Rows)
				}
				data, err := os.ReadFile(filepath.Join(path, k.Files[i].Path))
				if err != nil {
					t.Fatal(err)
				}
				if !strings.HasSuffix(k.Files[i].Path, ".zst") && strings.Join(rows, "\n")+"\n" != string(data) {
					t.Errorf("%s: rows are not those of the file", s.Name)
				}
			}
		})
	}
}

// The example of docs/format.md, whose digests another program computed.
func TestWorkedExample(t *testing.T) {
	path, err := write(options(t, t.TempDir()), []part{{
		memory.SectionSpec{Name: memory.Memories, Kind: memory.Vectors},
		[]string{
			`{"id":"mem_1","embedding":[0.5,-1.25,3],"metadata":{"agent":"a","n":1},"document":null}`,
			`{"id":"mem_2","embedding":[0,1,0],"metadata":null,"document":"hé"}`,
		},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := bundle.FileMeta{
		Path: payload(memory.Memories), Kind: bundle.RecordsFile, Bytes: 156, Rows: 2,
		SHA256:  "e581ba940437845705ab65a10fb7fc36fc50acdcf5203c611dc11500b82b6e84",
		Records: "514dc00cdc35edde4fe825ec496c462e861e55708c611fb8f79e9deebfff2ce1",
	}
	if got := open(t, path).Meta().Keepsake.Files[0]; got != want {
		t.Errorf("file is %+v, want %+v", got, want)
	}
}
