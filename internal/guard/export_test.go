package guard

// MatchFolder is shown to the tests because the only patterns with a "*" are
// those of another system.
var MatchFolder = matchFolder

// RenameAuditOn is RenameAudit on a file system that can be made to fail.
var RenameAuditOn = renameAudit
