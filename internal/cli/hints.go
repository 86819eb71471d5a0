package cli

import (
	"cmp"
	"errors"
	"strings"

	"keepsake/internal/backup"
	"keepsake/internal/config"
	"keepsake/internal/guard"
	"keepsake/internal/keeper"
)

const (
	hintChanged   = "the bundle changed while it was read: check the disk, then verify it"
	hintDataDir   = "--data-dir names the memory's folder"
	hintElsewhere = "--backup-root, NEO_BACKUP_PATH or backup-root in keepsake.yaml puts it elsewhere"
	hintResume    = "keepsake restore --resume finishes it"
	hintDegraded  = "--allow-degraded publishes without it and ends with code 3"
	hintSources   = "keepsake config show prints where each value comes from"
)

// hints say by the code of an error, a finding or a check what the operator can do.
// What a %s stands for comes with the code.
var hints = map[string]string{
	"usage":           "keepsake --help shows the commands, keepsake COMMAND --help its flags",
	"unknown-command": "keepsake --help lists the commands",
	"bug":             "please report this with the command that you typed and --log-level debug",

	// Where things are.
	"no-data-folder":     hintDataDir,
	"no-memory":          hintDataDir + "; its first backup gives it an id",
	"no-backup-root":     "--backup-root or --data-dir names one",
	"absent-backup-root": "keepsake backup makes it; --backup-root names another",
	"misplaced":          "the MC collections are on KB's server: set topology: unified in keepsake.yaml, or NEO_CHROMA_UNIFIED=true",
	"demo-folder":        "--dir names another folder for the demo",

	// Which bundle.
	"no-such-bundle":   "keepsake list shows the bundles in %s",
	"no-good-bundle":   "keepsake list shows what there is; a bundle can be named by its path",
	"several-memories": "name the bundle: keepsake list --json shows whose each is",
	"unreadable-newer": "--skip-unreadable takes %s, the newest that is good; a bundle can be named as well",
	"not-in-root":      "only what lies there is ever removed; --backup-root names another",
	"notes":            "the notes of a bundle lie beside it, in %s: look at them, and move away what is damaged",
	"no-meta":          "keepsake verify checks what it holds",
	"bad-bundles":      "keep them, and restore from another one: keepsake list",
	"mass-prune":       "look at them with --dry-run; --accept-mass-prune removes them",

	// Whose memory it is.
	"memory-lost":      "keepsake memory is %s if it is that memory, keepsake memory new if it is another",
	"memory-elsewhere": "keepsake memory moved if it was moved here, keepsake memory here if this is the same folder under another path, keepsake memory new if it is a copy",
	"memory-cloned":    "keepsake memory is %s if it is that memory itself, in another folder or on another machine",
	"no-such-memory":   "keepsake list --json shows whose each bundle is",
	"another-memory":   "its bundles can be restored here with --force-memory",

	// Who else is at work.
	"locked":          "wait for it, or let keepsake wait with --lock-wait 10m",
	"runs":            "it runs: wait for it, or end it",
	"unfinished":      "finish it with keepsake restore --resume",
	"unfinished-plan": hintResume,
	"lost-plan":       "bring that folder back if you can; nothing is lost: the old rows and the new ones are beside each other in %s",

	// Room.
	"no-room-for-bundle": "make room there, or put the backup root elsewhere; keepsake prune --dry-run shows what may go",
	"no-room-for-copies": "TMPDIR names another folder for temporary files",
	"no-room-for-drill":  "TMPDIR names the folder for temporary files",
	"no-room-to-rescue":  "-o puts both on another disk",

	// Reading the memory.
	"unreachable":         "is it running, and is this its address? " + hintSources,
	"absent":              "--only backs up what there is; " + hintDegraded,
	"unreadable":          hintDegraded,
	"unwritable":          "what the server says of it is in its log; the same command goes on from there",
	"nothing":             "is this the memory's folder? keepsake config show prints what is looked for, and where",
	"nothing-to-accept":   "--accept-lineage takes a section, or a source of files or of whatever is there: keepsake backup --dry-run lists them",
	"parity":              "nothing was published; run it again, and if it stays, --allow-degraded publishes what can be read",
	"unsafe":              "nothing was replaced; --accept-degraded-safety does without what can't be read, where the old collection is kept aside",
	"no-chroma-directory": "name the folder that holds chroma.sqlite3, or what is left of it",

	// What an end left.
	"unpublished":        "nothing was published: the bundles are as they were",
	"not-rescued":        "nothing was published",
	"unwritten":          "nothing was written",
	"drill-ended":        "what the drill had restored was taken away again",
	"scratch-left":       "remove the collection %s by hand",
	"bundle-changed":     hintChanged,
	"moved":              "agents keep writing to it: stop them, and type the same command again",
	"merge-differs":      "each is named in %s; --mode replace puts the bundle's back",
	"merge-cut-short":    "what was added stays: the same command goes on from there",
	"merge-in-doubt":     "what was added stays: the same command goes on from there. %s: keepsake undo takes them out",
	"cut-short":          "the same restore goes on from there, or keepsake undo %s takes out what is in",
	"merge-incomplete":   "each is named in %s; it is safe to run the same command again",
	"replace-cut-short":  "the same command goes on from here, or keepsake restore --resume",
	"replace-incomplete": "each is named in %s",
	"takeback-cut-short": "what was taken out stays out; make a new plan to go on",

	// Plans, tokens and undo.
	"token":             "copy the token whole from the plan",
	"no-receipt":        "receipts are in %s",
	"no-safety-bundle":  "retention removes it after safety_days, unless it is pinned",
	"no-merged-bundle":  "rows are compared with it before they are taken out: put it back to %s",
	"no-planned-bundle": "it needs its bundle: put it back to %s",
	"undone-merge":      "restore the bundle again: keepsake restore %s",

	// What a restore refuses.
	"read-only":             ": --to names one, as chroma:http://host:port", // ends its message
	"unsealed":              "merge it, or say --allow-unsealed",
	"allow-empty":           "--allow-empty takes it as it is",
	"not-empty":             "--force replaces them",
	"shrink":                "--accept-shrink replaces it all the same",
	"safety-bundle":         "leave out --no-safety-bundle",
	"topology":              "--force-topology-mismatch restores it all the same",
	"memory":                "--force-memory restores it all the same",
	"kind":                  "--to names another target",
	"collection-of-its-own": "restore into a collection of its own with --as %s=NAME",
	"nothing-selected":      "keepsake show %s lists its sections",
	"gone-since":            "keepsake restore %s --only %s puts it back",
	"good-nowhere":          "keepsake restore %s --only %s puts back what there is",
	"no-target":             "--only names what to restore, --to names a target",
	"target-unreachable":    "keepsake config show lists the targets",

	// What the guard refuses.
	"target-moved":   "make a new plan with --plan, and see what stands there now",
	"no-environment": "if this memory really is to be destroyed, set %s=true, and confirm the plan with --confirm TOKEN",
	"no-token":       "run the same command with --plan, read it, and pass its token with --confirm",
	"token-other":    "make a new plan with --plan: bundle, targets or operation are not those that the token was given for",
	"token-expired":  "make a new plan with --plan: a token is good for 15 minutes",
	"token-used":     "make a new plan with --plan: a token is good for one run",
	"losses-grew":    "make a new plan with --plan, and see what would be lost now",

	// What became of the rows of a restore.
	"differs":            "--records shows them, --mode replace puts the bundle's back",
	"lacking":            "keepsake list shows the other bundles: what this one lacks may be in an earlier one",
	"never-covered":      "keepsake restore BUNDLE --only NAME takes that from another one",
	"section-changed":    hintChanged + "; another one may hold it: keepsake list",
	"section-changed-in": hintChanged + "; once it is whole again, keepsake undo takes them out",
	"unaccounted":        "it is safe to run the same command again",

	// What a backup suspects.
	"damaged-directory": "keepsake rescue %s makes a bundle of what it still holds",

	// The configuration.
	"file-passed-over": "set data-dir in it, or name it with --config",
	"retention":        "no bundle is removed until it is set right; " + hintSources,

	// The doctor's.
	"name-backup-root": "--backup-root names the folder",
	"first-backup":     "keepsake backup makes it",
	"root-elsewhere":   hintElsewhere,
	"work-tree":        hintElsewhere + "; .gitignore alone doesn't keep git clean -x from it",
	"little-room":      "make room on that disk, or keep fewer bundles: keepsake prune --dry-run",
	"residue":          "the next keepsake backup or prune removes it, unless its run is alive",
	"verify-says-more": "keepsake verify %s says more; it is kept, and counts for nothing",
	"too-old":          "is the daily backup running? keepsake backup makes one now; keepsake list shows what there is",
	"drill":            "keepsake verify latest --level restore restores it into a temporary folder",
	"drill-failed":     "keepsake verify %s --level restore says what",
	"not-there":        "is this its store? " + hintSources,
	"unreadable-rows":  "a backup would fail: see docs/runbook.md, and the server's log",
	"far-less":         "keepsake restore %s --only %s puts it back; did the store begin on an empty folder?",
	"vectors-lost":     "the index of that collection is damaged: see docs/runbook.md; the newest bundle that is whole has them",
	"see-bundle":       "keepsake show %s says what of it is not whole",
	"verify":           "keepsake verify latest reads it again; once a week is a good habit",
	"stale-directory":  "the server runs on another folder than %s, or that one is a copy: backups of it are of old rows",
	"no-rows":          "if it should hold something, look for it before the next backup",
}

// yielding are the codes whose hint is only given where the cause has none.
var yielding = map[string]bool{"unreadable": true, "replace-cut-short": true, "absent": true, "emptied-anew": true}

// losses say by the code of a loss what else the operator can do, once he was led back.
var losses = map[string]string{
	"lineage-suspect": "If this is the memory now: keepsake backup --accept-lineage %s",
	"section-gone":    "If it is to be gone: keepsake backup --accept-lineage %s",
	"source-lost":     "If it is to be gone: keepsake backup --accept-lineage %s",
	"emptied-passed":  "If it is to be empty: keepsake backup --accept-lineage %s",
	"emptied":         "--allow-degraded publishes the rest and ends with code 3; if it is to be empty: --accept-lineage %s",
	"absent-since":    hintDegraded,
}

// questions say by the sort of place what may have become of what was there.
var questions = map[string]string{
	backup.WasAtServer: "did the server start on an empty folder?",
	backup.WasInFolder: "was its folder moved, or is a disk not there?",
	backup.WasInFile:   "is %s the right file?",
}

// lossHint leads back from a loss before it leads on. about are the bundle, how much it
// has, what selects that, how it is put back, the sort of place, the place, and the name
// by which the loss is accepted.
func lossHint(after string, about []string) string {
	if len(about) != 7 {
		return ""
	}
	bundle, amount, only, how, sort, at, accept := about[0], about[1], about[2], about[3], about[4], about[5], about[6]
	back := "keepsake restore " + bundle + " --only " + only + " puts it back"
	if how == backup.BackByReplace {
		back = "keepsake restore " + bundle + " --only " + only + " --mode replace --plan shows what it would put back"
	}
	return "it was in " + bundle + " with " + amount + ": " + back + "; " +
		strings.Replace(questions[sort], "%s", at, 1) + " " + strings.Replace(after, "%s", accept, 1)
}

// hintOf returns what the operator can do, "" when nobody said.
func hintOf(err error) string {
	var e *keeper.Error
	if errors.As(err, &e) {
		own := hintBy(e.Code, e.At)
		if spelled[e.Code] != "" {
			own = cmp.Or(own, hints["usage"])
		}
		if own == "" || yielding[e.Code] {
			return cmp.Or(hintOf(e.Err), own)
		}
		return own
	}
	var h interface{ Hint() string }
	var refused *guard.RefusedError
	var bad *config.Error
	var lost *config.NoDataDirError
	switch {
	case errors.As(err, &h):
		return h.Hint()
	case errors.As(err, &refused):
		return refused.Hint
	case errors.As(err, &bad):
		return bad.Hint
	case errors.As(err, &lost):
		return hintDataDir
	}
	return ""
}

// hintBy returns the hint of a code, with about in it.
func hintBy(code string, about ...string) string {
	if after, ok := losses[code]; ok {
		return lossHint(after, about)
	}
	text := hints[code]
	for _, what := range about {
		text = strings.Replace(text, "%s", what, 1)
	}
	return text
}

// spelled are the words for errors about a value that a flag gave: %[1]s is what of
// it, %[2]s the error.
var spelled = map[string]string{
	"accept-lineage": "--accept-lineage %[1]s: %[2]s",
	"to":             "--to %[1]s: %[2]s",
	"to-collection":  "--to %[1]s: %[2]s --as names it",
	"only":           "--only %[1]s: %[2]s",
	"as":             "--as %[1]s: %[2]s",
	"confirmed-only": "--confirmed-only is about the rows that a merge added: %[2]s",
	"drill-to":       "--to: %[2]s",
	"drill-home":     "--to %[1]s is where the memory itself lives: a drill goes into a scratch database",
	"token":          "read --confirm: %[2]s",
	"into":           "-o %[1]s: %[2]s",
	"into-nothing":   "%[2]s -o names the bundle to make, or a folder for it",
}

// messageOf is the text of an error, with the flag that it is about.
func messageOf(err error) string {
	var e *keeper.Error
	if errors.As(err, &e) && spelled[e.Code] != "" {
		words := strings.NewReplacer("%[1]s", e.At, "%[2]s", e.Error()).Replace(spelled[e.Code])
		return strings.Replace(err.Error(), e.Error(), words, 1)
	}
	return err.Error()
}
