#!/bin/sh
# SPDX-License-Identifier: 0BSD
# examples.t - every hosted example runs, is content with what it saw, and says something.
#
# EXAMPLES_FOLDER=... runs others.
folder=${EXAMPLES_FOLDER:-build/host/examples}
count=0
failures=0

# result STATUS TEXT: 0 is good.
result() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        failures=$((failures + 1))
    fi
}

for source in examples/*.c; do
    name=$(basename "$source" .c)
    output=$(timeout 60 "$folder/$name" </dev/null)
    status=$?
    result "$status" "$name ends with 0 (it did with $status)"
    [ -n "$output" ]
    result $? "$name says something"
    echo "$output" | sed 's/^/#   /'
done
[ "$count" -gt 0 ]
result $? 'there are examples'
echo "1..$count"
[ "$failures" -eq 0 ]
