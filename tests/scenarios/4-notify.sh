#!/bin/bash
# Tells the administrator by mail that this router has changed its state.
contact='admin@example.net'
notify() {
    local subject="$(hostname) to be $1, VIP moved"
    local body="$(date +'%F %T'): VRRP transition, $(hostname) changed to be $1"
    echo "$body" | mail -s "$subject" "$contact"
}
case $1 in
master)
    notify master
    ;;
backup)
    notify backup
    ;;
fault)
    notify fault
    ;;
*)
    echo "Usage: $(basename "$0") {master|backup|fault}"
    exit 1
    ;;
esac
