module bench

go 1.24

require msb v0.0.0

replace msb => ../../../bindings/go
