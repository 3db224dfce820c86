"""The countries of the world.

A row: name | capital | continent | currency | official language | its people.
A language after ~ is the main one, which no law makes official.
An empty cell is something disputed, shared by two continents, changing, or not certain; no fact is made of it.
"""

from world_fact import make

_TABLE = """
Afghanistan|Kabul|Asia|afghani|Pashto and Dari|Afghans
Albania|Tirana|Europe|lek|Albanian|Albanians
Algeria|Algiers|Africa|Algerian dinar||Algerians
Andorra|Andorra la Vella|Europe|euro|Catalan|Andorrans
Angola|Luanda|Africa|kwanza|Portuguese|Angolans
Antigua and Barbuda|Saint John's|North America|East Caribbean dollar|English|
Argentina|Buenos Aires|South America|Argentine peso|~Spanish|Argentines
Armenia|Yerevan||dram|Armenian|Armenians
Australia|Canberra|Oceania|Australian dollar|~English|Australians
Austria|Vienna|Europe|euro|German|Austrians
Azerbaijan|Baku||Azerbaijani manat|Azerbaijani|Azerbaijanis
the Bahamas|Nassau|North America|Bahamian dollar|English|Bahamians
Bahrain|Manama|Asia|Bahraini dinar|Arabic|Bahrainis
Bangladesh|Dhaka|Asia|taka|Bengali|Bangladeshis
Barbados|Bridgetown|North America|Barbadian dollar|English|Barbadians
Belarus|Minsk|Europe|Belarusian rouble|Belarusian and Russian|Belarusians
Belgium|Brussels|Europe|euro|Dutch, French and German|Belgians
Belize|Belmopan|North America|Belize dollar|English|Belizeans
Benin|Porto-Novo|Africa|West African CFA franc|French|Beninese
Bhutan|Thimphu|Asia|ngultrum|Dzongkha|Bhutanese
Bolivia||South America|boliviano||Bolivians
Bosnia and Herzegovina|Sarajevo|Europe|convertible mark||Bosnians
Botswana|Gaborone|Africa|pula|English|
Brazil|Brasilia|South America|real|Portuguese|Brazilians
Brunei|Bandar Seri Begawan|Asia|Brunei dollar|Malay|Bruneians
Bulgaria|Sofia|Europe||Bulgarian|Bulgarians
Burkina Faso|Ouagadougou|Africa|West African CFA franc||Burkinabe
Burundi|Gitega|Africa|Burundian franc||Burundians
Cambodia|Phnom Penh|Asia|riel|Khmer|Cambodians
Cameroon|Yaounde|Africa|Central African CFA franc|French and English|Cameroonians
Canada|Ottawa|North America|Canadian dollar|English and French|Canadians
Cape Verde|Praia|Africa|Cape Verdean escudo|Portuguese|Cape Verdeans
the Central African Republic|Bangui|Africa|Central African CFA franc|French and Sango|Central Africans
Chad|N'Djamena|Africa|Central African CFA franc|French and Arabic|Chadians
Chile|Santiago|South America|Chilean peso|~Spanish|Chileans
China|Beijing|Asia|yuan|Mandarin Chinese|
Colombia|Bogota|South America|Colombian peso|Spanish|Colombians
the Comoros|Moroni|Africa|Comorian franc||Comorians
Costa Rica|San Jose|North America|colon|Spanish|Costa Ricans
Croatia|Zagreb|Europe|euro|Croatian|Croats
Cuba|Havana|North America|Cuban peso|Spanish|Cubans
Cyprus|Nicosia||euro|Greek and Turkish|Cypriots
the Czech Republic|Prague|Europe|koruna|Czech|Czechs
the Democratic Republic of the Congo|Kinshasa|Africa|Congolese franc|French|
Denmark|Copenhagen|Europe|Danish krone|Danish|Danes
Djibouti|Djibouti City|Africa|Djiboutian franc|French and Arabic|Djiboutians
Dominica|Roseau|North America|East Caribbean dollar|English|
the Dominican Republic|Santo Domingo|North America|Dominican peso|Spanish|
East Timor|Dili|Asia|US dollar|Tetum and Portuguese|East Timorese
Ecuador|Quito|South America|US dollar|Spanish|Ecuadorians
Egypt|Cairo|Africa|Egyptian pound|Arabic|Egyptians
El Salvador|San Salvador|North America|US dollar|Spanish|Salvadorans
Equatorial Guinea||Africa|Central African CFA franc||
Eritrea|Asmara|Africa|nakfa||Eritreans
Estonia|Tallinn|Europe|euro|Estonian|Estonians
Eswatini|Mbabane|Africa|lilangeni|Swazi and English|Swazis
Ethiopia|Addis Ababa|Africa|birr||Ethiopians
Fiji|Suva|Oceania|Fijian dollar||Fijians
Finland|Helsinki|Europe|euro|Finnish and Swedish|Finns
France|Paris|Europe|euro|French|
Gabon|Libreville|Africa|Central African CFA franc|French|Gabonese
the Gambia|Banjul|Africa|dalasi|English|Gambians
Georgia|Tbilisi||lari|Georgian|Georgians
Germany|Berlin|Europe|euro|German|Germans
Ghana|Accra|Africa|cedi|English|Ghanaians
Greece|Athens|Europe|euro|Greek|Greeks
Grenada|Saint George's|North America|East Caribbean dollar|English|Grenadians
Guatemala|Guatemala City|North America|quetzal|Spanish|Guatemalans
Guinea|Conakry|Africa|Guinean franc|French|Guineans
Guinea-Bissau|Bissau|Africa|West African CFA franc|Portuguese|
Guyana|Georgetown|South America|Guyanese dollar|English|Guyanese
Haiti|Port-au-Prince|North America|gourde|French and Haitian Creole|Haitians
Honduras|Tegucigalpa|North America|lempira|Spanish|Hondurans
Hungary|Budapest|Europe|forint|Hungarian|Hungarians
Iceland|Reykjavik|Europe|Icelandic krona|Icelandic|Icelanders
India|New Delhi|Asia|Indian rupee|Hindi and English|Indians
Indonesia|Jakarta|Asia|rupiah|Indonesian|Indonesians
Iran|Tehran|Asia|rial|Persian|Iranians
Iraq|Baghdad|Asia|Iraqi dinar|Arabic and Kurdish|Iraqis
Ireland|Dublin|Europe|euro|Irish and English|
Israel||Asia|shekel|Hebrew|Israelis
Italy|Rome|Europe|euro|Italian|Italians
Ivory Coast|Yamoussoukro|Africa|West African CFA franc|French|Ivorians
Jamaica|Kingston|North America|Jamaican dollar|English|Jamaicans
Japan|Tokyo|Asia|yen|~Japanese|
Jordan|Amman|Asia|Jordanian dinar|Arabic|Jordanians
Kazakhstan|Astana||tenge|Kazakh and Russian|
Kenya|Nairobi|Africa|Kenyan shilling|Swahili and English|Kenyans
Kiribati|South Tarawa|Oceania|Australian dollar||
Kuwait|Kuwait City|Asia|Kuwaiti dinar|Arabic|Kuwaitis
Kyrgyzstan|Bishkek|Asia|som|Kyrgyz and Russian|
Laos|Vientiane|Asia|kip|Lao|Laotians
Latvia|Riga|Europe|euro|Latvian|Latvians
Lebanon|Beirut|Asia|Lebanese pound|Arabic|Lebanese
Lesotho|Maseru|Africa|loti|Sotho and English|Basotho
Liberia|Monrovia|Africa|Liberian dollar|English|Liberians
Libya|Tripoli|Africa|Libyan dinar|Arabic|Libyans
Liechtenstein|Vaduz|Europe|Swiss franc|German|Liechtensteiners
Lithuania|Vilnius|Europe|euro|Lithuanian|Lithuanians
Luxembourg|Luxembourg City|Europe|euro||Luxembourgers
Madagascar|Antananarivo|Africa|ariary|Malagasy and French|
Malawi|Lilongwe|Africa|Malawian kwacha||Malawians
Malaysia|Kuala Lumpur|Asia|ringgit|Malay|Malaysians
the Maldives|Male|Asia|rufiyaa|Dhivehi|Maldivians
Mali|Bamako|Africa|West African CFA franc||Malians
Malta|Valletta|Europe|euro|Maltese and English|Maltese
the Marshall Islands|Majuro|Oceania|US dollar|Marshallese and English|Marshallese
Mauritania|Nouakchott|Africa|ouguiya|Arabic|Mauritanians
Mauritius|Port Louis|Africa|Mauritian rupee||Mauritians
Mexico|Mexico City|North America|Mexican peso|~Spanish|Mexicans
Micronesia|Palikir|Oceania|US dollar|English|Micronesians
Moldova|Chisinau|Europe|Moldovan leu|Romanian|Moldovans
Monaco||Europe|euro|French|
Mongolia|Ulaanbaatar|Asia|tugrik|Mongolian|Mongolians
Montenegro|Podgorica|Europe|euro|Montenegrin|Montenegrins
Morocco|Rabat|Africa|Moroccan dirham||Moroccans
Mozambique|Maputo|Africa|metical|Portuguese|Mozambicans
Myanmar|Naypyidaw|Asia|kyat|Burmese|
Namibia|Windhoek|Africa|Namibian dollar|English|Namibians
Nauru||Oceania|Australian dollar||Nauruans
Nepal|Kathmandu|Asia|Nepalese rupee|Nepali|Nepalis
the Netherlands|Amsterdam|Europe|euro|Dutch|
New Zealand|Wellington|Oceania|New Zealand dollar|~English|New Zealanders
Nicaragua|Managua|North America|cordoba|Spanish|Nicaraguans
Niger|Niamey|Africa|West African CFA franc||Nigeriens
Nigeria|Abuja|Africa|naira|English|Nigerians
North Korea|Pyongyang|Asia|North Korean won|Korean|North Koreans
North Macedonia|Skopje|Europe|denar||
Norway|Oslo|Europe|Norwegian krone|Norwegian|Norwegians
Oman|Muscat|Asia|Omani rial|Arabic|Omanis
Pakistan|Islamabad|Asia|Pakistani rupee|Urdu and English|Pakistanis
Palau|Ngerulmud|Oceania|US dollar|Palauan and English|Palauans
Panama|Panama City|North America|balboa|Spanish|Panamanians
Papua New Guinea|Port Moresby|Oceania|kina||Papua New Guineans
Paraguay|Asuncion|South America|guarani|Spanish and Guarani|Paraguayans
Peru|Lima|South America|sol||Peruvians
the Philippines|Manila|Asia|Philippine peso|Filipino and English|Filipinos
Poland|Warsaw|Europe|zloty|Polish|Poles
Portugal|Lisbon|Europe|euro|Portuguese|
Qatar|Doha|Asia|Qatari riyal|Arabic|Qataris
the Republic of the Congo|Brazzaville|Africa|Central African CFA franc|French|
Romania|Bucharest|Europe|Romanian leu|Romanian|Romanians
Russia|Moscow||Russian rouble|Russian|Russians
Rwanda|Kigali|Africa|Rwandan franc||Rwandans
Saint Kitts and Nevis|Basseterre|North America|East Caribbean dollar|English|
Saint Lucia|Castries|North America|East Caribbean dollar|English|Saint Lucians
Saint Vincent and the Grenadines|Kingstown|North America|East Caribbean dollar|English|Vincentians
Samoa|Apia|Oceania|tala|Samoan and English|Samoans
San Marino||Europe|euro|Italian|Sammarinese
Sao Tome and Principe|Sao Tome|Africa|dobra|Portuguese|
Saudi Arabia|Riyadh|Asia|Saudi riyal|Arabic|Saudis
Senegal|Dakar|Africa|West African CFA franc|French|Senegalese
Serbia|Belgrade|Europe|Serbian dinar|Serbian|Serbs
Seychelles|Victoria|Africa|Seychellois rupee||Seychellois
Sierra Leone|Freetown|Africa|leone|English|Sierra Leoneans
Singapore||Asia|Singapore dollar||Singaporeans
Slovakia|Bratislava|Europe|euro|Slovak|Slovaks
Slovenia|Ljubljana|Europe|euro|Slovene|Slovenes
the Solomon Islands|Honiara|Oceania|Solomon Islands dollar|English|Solomon Islanders
Somalia|Mogadishu|Africa|Somali shilling|Somali and Arabic|Somalis
South Africa||Africa|rand||South Africans
South Korea|Seoul|Asia|South Korean won|Korean|South Koreans
South Sudan|Juba|Africa|South Sudanese pound|English|South Sudanese
Spain|Madrid|Europe|euro|Spanish|Spaniards
Sri Lanka||Asia|Sri Lankan rupee|Sinhala and Tamil|Sri Lankans
Sudan|Khartoum|Africa|Sudanese pound|Arabic and English|Sudanese
Suriname|Paramaribo|South America|Surinamese dollar|Dutch|Surinamese
Sweden|Stockholm|Europe|Swedish krona|Swedish|Swedes
Switzerland|Bern|Europe|Swiss franc||Swiss
Syria|Damascus|Asia|Syrian pound|Arabic|Syrians
Tajikistan|Dushanbe|Asia|somoni|Tajik|
Tanzania|Dodoma|Africa|Tanzanian shilling|Swahili and English|Tanzanians
Thailand|Bangkok|Asia|baht|Thai|Thais
Togo|Lome|Africa|West African CFA franc|French|Togolese
Tonga|Nuku'alofa|Oceania|pa'anga|Tongan and English|Tongans
Trinidad and Tobago|Port of Spain|North America|Trinidad and Tobago dollar|English|
Tunisia|Tunis|Africa|Tunisian dinar|Arabic|Tunisians
Turkey|Ankara||Turkish lira|Turkish|Turks
Turkmenistan|Ashgabat|Asia|Turkmen manat|Turkmen|
Tuvalu|Funafuti|Oceania|Australian dollar|Tuvaluan and English|Tuvaluans
Uganda|Kampala|Africa|Ugandan shilling|English and Swahili|Ugandans
Ukraine|Kyiv|Europe|hryvnia|Ukrainian|Ukrainians
the United Arab Emirates|Abu Dhabi|Asia|UAE dirham|Arabic|Emiratis
the United Kingdom|London|Europe|pound sterling|~English|Britons
the United States|Washington|North America|US dollar|~English|Americans
Uruguay|Montevideo|South America|Uruguayan peso|~Spanish|Uruguayans
Uzbekistan|Tashkent|Asia|Uzbek som|Uzbek|
Vanuatu|Port Vila|Oceania|vatu||
Vatican City||Europe|euro||
Venezuela|Caracas|South America|bolivar|Spanish|Venezuelans
Vietnam|Hanoi|Asia|dong|Vietnamese|Vietnamese
Yemen|Sanaa|Asia|Yemeni rial|Arabic|Yemenis
Zambia|Lusaka|Africa|Zambian kwacha|English|Zambians
Zimbabwe|Harare|Africa|||Zimbabweans
"""

# Countries with one land neighbour only.
_NEIGHBOURS = """
Portugal|Spain
Ireland|the United Kingdom
the United Kingdom|Ireland
Lesotho|South Africa
the Gambia|Senegal
Monaco|France
San Marino|Italy
Vatican City|Italy
South Korea|North Korea
Qatar|Saudi Arabia
Brunei|Malaysia
East Timor|Indonesia
Papua New Guinea|Indonesia
Haiti|the Dominican Republic
the Dominican Republic|Haiti
"""

_COMMON_CAPITALS = ("Austria,Australia,Belgium,Brazil,Canada,China,Cuba,the Czech Republic,Denmark,Egypt,Finland,France,Germany,Greece,Hungary,India,Ireland,"
                    "Italy,Japan,Mexico,the Netherlands,Norway,Poland,Portugal,Russia,South Korea,Spain,Sweden,Switzerland,Turkey,Ukraine,"
                    "the United Kingdom,the United States").split(",")
_COMMON_OTHERS = "China,France,Germany,India,Italy,Japan,Spain,Russia,the United Kingdom,the United States".split(",")  # whose continent, currency and language everybody knows


def facts():
    for line in _TABLE.strip().split("\n"):
        name, capital, continent, currency, language, people = line.split("|")

        def fact(prop, answer, value, common, spoken="", n=name):
            return make("country", n.removeprefix("the "), prop, answer, value, n in common, e=n, v=spoken or value)

        start = name[0].upper() + name[1:]
        if capital:
            yield fact("capital", f"The capital of {name} is {capital}.", capital, _COMMON_CAPITALS)
            if name.split()[-1] not in capital:
                yield fact("of_capital", f"{capital} is the capital of {name}.", name.removeprefix("the "), _COMMON_CAPITALS[::3], capital)
        if continent:
            yield fact("continent", f"{start} is a country in {continent}.", continent, _COMMON_OTHERS)
        if currency:
            yield fact("currency", f"The currency of {name} is the {currency}.", currency, _COMMON_OTHERS)
        if language:
            many = " and " in language
            status = "main" if language[0] == "~" else "official"
            language = language.lstrip("~")
            yield fact("language", f"The {status} language{'s' * many} of {name} {'are' if many else 'is'} {language}.", language, _COMMON_OTHERS)
        if people:
            yield fact("people", f"The people of {name} are called {people}.", people, ())
    for line in _NEIGHBOURS.strip().split("\n"):
        name, neighbour = line.split("|")
        yield make("country", name.removeprefix("the "), "neighbour", f"The only land neighbour of {name} is {neighbour}.", neighbour.removeprefix("the "), False, e=name, v=neighbour)
