package chroma

// StageInPlace is what Stage does with StageOptions.InPlace.
var StageInPlace = (*Server).stageInPlace
