"""The names that Freshdesk, a Rails application, has for time zones.

Source: ActiveSupport::TimeZone. A zone has today's name of the IANA's.
"""

from __future__ import annotations

# Zones that have the names of their cities: "Hong Kong" is Asia/Hong_Kong.
CITIES = {
    "Africa": ["Cairo", "Casablanca", "Harare", "Monrovia", "Nairobi"],
    "America": [
        *("Bogota", "Caracas", "Chihuahua", "La Paz", "Lima", "Mazatlan"),
        *("Mexico City", "Monterrey", "Montevideo", "Puerto Rico"),
        *("Santiago", "Tijuana"),
    ],
    "Asia": [
        *("Almaty", "Baghdad", "Baku", "Bangkok", "Dhaka", "Hong Kong"),
        *("Irkutsk", "Jakarta", "Jerusalem", "Kabul", "Kamchatka", "Karachi"),
        *("Kathmandu", "Kolkata", "Krasnoyarsk", "Kuala Lumpur", "Kuwait"),
        *("Magadan", "Muscat", "Novosibirsk", "Riyadh", "Seoul", "Singapore"),
        *("Srednekolymsk", "Taipei", "Tashkent", "Tbilisi", "Tehran", "Tokyo"),
        *("Ulaanbaatar", "Urumqi", "Vladivostok", "Yakutsk", "Yerevan"),
    ],
    "Atlantic": ["Azores"],
    "Australia": [
        *("Adelaide", "Brisbane", "Darwin", "Hobart", "Melbourne", "Perth"),
        "Sydney",
    ],
    "Europe": [
        *("Amsterdam", "Athens", "Belgrade", "Berlin", "Bratislava"),
        *("Brussels", "Bucharest", "Budapest", "Copenhagen", "Dublin"),
        *("Helsinki", "Istanbul", "Kaliningrad", "Kyiv", "Lisbon"),
        *("Ljubljana", "London", "Madrid", "Minsk", "Moscow", "Paris"),
        *("Prague", "Riga", "Rome", "Samara", "Sarajevo", "Skopje", "Sofia"),
        *("Stockholm", "Tallinn", "Vienna", "Vilnius", "Volgograd", "Warsaw"),
        *("Zagreb", "Zurich"),
    ],
    "Pacific": ["Auckland", "Fiji", "Guam", "Port Moresby"],
}
RAILS_ZONES = {
    city: f"{area}/{city.replace(' ', '_')}"
    for area, cities in CITIES.items()
    for city in cities
} | {
    "International Date Line West": "Etc/GMT+12",
    "Midway Island": "Pacific/Midway",
    "American Samoa": "Pacific/Pago_Pago",
    "Hawaii": "Pacific/Honolulu",
    "Alaska": "America/Juneau",
    "Pacific Time (US & Canada)": "America/Los_Angeles",
    "Mountain Time (US & Canada)": "America/Denver",
    "Arizona": "America/Phoenix",
    "Central Time (US & Canada)": "America/Chicago",
    "Saskatchewan": "America/Regina",
    "Guadalajara": "America/Mexico_City",
    "Central America": "America/Guatemala",
    "Eastern Time (US & Canada)": "America/New_York",
    "Indiana (East)": "America/Indiana/Indianapolis",
    "Quito": "America/Lima",
    "Atlantic Time (Canada)": "America/Halifax",
    "Newfoundland": "America/St_Johns",
    "Brasilia": "America/Sao_Paulo",
    "Buenos Aires": "America/Argentina/Buenos_Aires",
    "Georgetown": "America/Guyana",
    "Greenland": "America/Nuuk",
    "Mid-Atlantic": "Atlantic/South_Georgia",
    "Cape Verde Is.": "Atlantic/Cape_Verde",
    "Edinburgh": "Europe/London",
    "Bern": "Europe/Zurich",
    "West Central Africa": "Africa/Algiers",
    "Pretoria": "Africa/Johannesburg",
    "St. Petersburg": "Europe/Moscow",
    "Abu Dhabi": "Asia/Muscat",
    "Ekaterinburg": "Asia/Yekaterinburg",
    "Islamabad": "Asia/Karachi",
    "Chennai": "Asia/Kolkata",
    "Mumbai": "Asia/Kolkata",
    "New Delhi": "Asia/Kolkata",
    "Astana": "Asia/Almaty",
    "Sri Jayawardenepura": "Asia/Colombo",
    "Rangoon": "Asia/Yangon",
    "Hanoi": "Asia/Bangkok",
    "Beijing": "Asia/Shanghai",
    "Chongqing": "Asia/Shanghai",
    "Osaka": "Asia/Tokyo",
    "Sapporo": "Asia/Tokyo",
    "Canberra": "Australia/Melbourne",
    "Solomon Is.": "Pacific/Guadalcanal",
    "New Caledonia": "Pacific/Noumea",
    "Marshall Is.": "Pacific/Majuro",
    "Wellington": "Pacific/Auckland",
    "Nuku'alofa": "Pacific/Tongatapu",
    "Tokelau Is.": "Pacific/Fakaofo",
    "Chatham Is.": "Pacific/Chatham",
    "Samoa": "Pacific/Apia",
}
