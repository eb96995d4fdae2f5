"""Rules, in both senses: what a definition has to keep, each rule collecting all it finds, and the business
rules that decide about a row, as tables (`tables`, checked by `boxes`) and as sentences (`sentences`).
"""
