package guard

// MatchFolder is shown to the tests because the only patterns with a "*" are
// those of another system.
var MatchFolder = matchFolder
