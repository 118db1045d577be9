#!/bin/sh
# Makes generated/kms_pb.ts of proto/kms.proto. Needs no network.
set -eu
cd "$(dirname "$0")"
bin=$(cd ../../../node_modules/.bin && pwd)
PATH="$bin:$PATH"
"$bin/buf" generate proto --template '{
  "version": "v2",
  "plugins": [
    {
      "local": "protoc-gen-es",
      "out": "generated",
      "opt": ["target=ts", "import_extension=ts", "erasable_syntax=true"]
    }
  ]
}'
